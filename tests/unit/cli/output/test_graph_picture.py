"""``dags show``: a graph as a picture."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.cli import updraft
from chalicelib.cli.output.graph_picture import drawn_as
from chalicelib.cli.output.graph_text import drawn
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.graph import Graph
from chalicelib.engine.engine import Engine
from tests.machine import Need
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.engines import engine_in_memory

GRAPHVIZ = Need(what="Pictures by Graphviz were", packages="graphviz", switch="UPDRAFT_TESTS_NEED_GRAPHVIZ")

SHAPES = [
    Shape("extract"),
    Shape("clean", ("extract",)),
    Shape("check", ("extract",), is_empty=True),
    Shape("load", ("clean", "check"), rule="none_failed"),
]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def _drawing() -> None:
    """Skips where it is not installed."""
    GRAPHVIZ.of_programs("dot")


def elements(svg: bytes, kind: str) -> list[ElementTree.Element]:
    drawing = ElementTree.fromstring(svg)  # noqa: S314 - our own
    return [group for group in drawing.iter(f"{SVG}g") if group.get("class") == kind]


def texts(element: ElementTree.Element, tag: str = "text") -> list[str | None]:
    return [found.text for found in element.iter(SVG + tag)]


def titles(svg: bytes, kind: str) -> set[str | None]:
    return {texts(element, "title")[0] for element in elements(svg, kind)}


@pytest.mark.usefixtures("_drawing")
def test_every_task_and_every_edge_is_in_the_picture() -> None:
    svg = drawn_as(ScriptedDag(SHAPES).graph, "svg")
    assert titles(svg, "node") == {"extract", "clean", "check", "load"}
    edges = {"extract->clean", "extract->check", "clean->load", "check->load"}
    assert titles(svg, "edge") == edges
    labels = {tuple(texts(node)) for node in elements(svg, "node")}
    assert ("load", "PythonOperator, none_failed") in labels
    assert ("check", "EmptyOperator") in labels
    assert "scripted" in texts(elements(svg, "graph")[0])


@pytest.mark.usefixtures("_drawing")
@pytest.mark.parametrize(
    "name",
    ["<b>bold</b>", 'a "b" & c', r"back\nslash", "end\\", "größer", "group.inner-1", "node", "a:b", "1.5"],
)
def test_whatever_a_task_is_called_is_shown_as_it_is(name: str) -> None:
    svg = drawn_as(ScriptedDag([Shape(name), Shape("next", (name,))]).graph, "svg")
    assert (name, "PythonOperator") in {tuple(texts(node)) for node in elements(svg, "node")}
    assert len(elements(svg, "edge")) == 1


@pytest.mark.usefixtures("_drawing")
def test_tasks_have_their_operators_colours() -> None:
    document: dict[str, Any] = ScriptedDag([Shape("a")]).document()
    document["tasks"][0]["attributes"] = {"ui_color": "#e6f1f2", "ui_fgcolor": "#0a0"}
    (node,) = elements(drawn_as(graph_from_document(document), "svg"), "node")
    (outline,) = node.iter(f"{SVG}path")
    assert (outline.get("fill"), outline.get("stroke")) == ("#e6f1f2", "#00aa00")


@pytest.mark.usefixtures("_drawing")
def test_a_mapped_task_has_the_colours_of_its_operator() -> None:
    with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        BashOperator.partial(task_id="a").expand(bash_command=["true"])
    (node,) = elements(drawn_as(graph_from_document(serialize(dag, "mapped.py")), "svg"), "node")
    (outline,) = node.iter(f"{SVG}path")
    assert (outline.get("fill"), outline.get("stroke")) == (BashOperator.ui_color, "#000000")


@pytest.fixture
def engine() -> Engine:
    made = engine_in_memory(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    ScriptedDag(SHAPES).save(made.store)
    return made


def show(engine: Engine, *options: str) -> Result:
    with bootstrap.use(engine=engine), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT__AWS__STAGE", "dev")
        return CliRunner().invoke(updraft, ["dags", "show", "scripted", *options])


@pytest.mark.parametrize(
    ("suffix", "begin"),
    [("svg", b"<?xml"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"strict digraph")],
)
def test_a_picture_is_saved_as_what_the_file_is_called(
    request: pytest.FixtureRequest, engine: Engine, tmp_path: Path, suffix: str, begin: bytes
) -> None:
    if suffix != "dot":
        request.getfixturevalue("_drawing")
    file = tmp_path / f"scripted.{suffix}"
    result = show(engine, "--save", str(file))
    assert (result.exit_code, result.output) == (0, f"File {file} saved\n")
    assert file.read_bytes().startswith(begin)


def test_another_kind_of_file_is_wrong_usage(engine: Engine, tmp_path: Path) -> None:
    result = show(engine, "--save", str(tmp_path / "scripted.txt"))
    assert result.exit_code == 2
    assert "A picture is saved as one of svg, png, pdf, dot, not as scripted.txt" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder in which programs are found: an empty one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("\n".join(("#!/bin/sh", *lines, "")))
    (folder / name).chmod(0o755)


def not_saved(engine: Engine, file: Path) -> str:
    """What is said of a picture that cannot be saved: one line, and no file is left."""
    result = show(engine, "--save", str(file))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert not file.exists()
    return result.stderr


def test_without_a_program_that_draws_only_pictures_are_missing(engine: Engine, bin_folder: Path) -> None:
    assert not_saved(engine, bin_folder / "scripted.svg") == (
        "Error: A picture as .svg needs Graphviz's program dot, which cannot be found:"
        " install it (Debian: apt-get install graphviz)\n"
    )
    assert show(engine).exit_code == 0
    assert show(engine, "--save", str(bin_folder / "scripted.dot")).exit_code == 0


def test_a_program_that_fails_is_told_by_its_last_words(engine: Engine, bin_folder: Path) -> None:
    program(bin_folder, "dot", "echo one >&2", "echo 'no fonts' >&2", "exit 3")
    assert not_saved(engine, bin_folder / "scripted.png") == (
        f"Error: {bin_folder}/dot could not draw it: no fonts\n"
    )


def test_the_source_for_graphviz_is_printed(engine: Engine) -> None:
    result = show(engine, "--dot")
    assert result.exit_code == 0
    assert '"extract" -> "clean";' in result.output
    assert "rankdir=LR" in result.output


def test_without_options_the_graph_is_text(engine: Engine) -> None:
    assert show(engine).output.splitlines() == [
        "<DAG: scripted>",
        "    extract (PythonOperator)",
        "        clean (PythonOperator)",
        "            load (PythonOperator, none_failed)",
        "        check (EmptyOperator)",
        "            load (PythonOperator, none_failed)",
    ]


# -- mapped tasks ------------------------------------------------------------------------------------


def mapped_graph() -> Graph:
    """A mapped task, and a mapped group of a task and an inner mapped group."""
    outer = MappedGroup(group_id="outer", length=OutputOf(task_id="make"))
    inner = MappedGroup(group_id="outer.inner", length=Literal(count=2))
    expansions = {
        "each": Expansion(own=OutputOf(task_id="make")),
        "outer.a": Expansion(groups=(outer,)),
        "outer.inner.b": Expansion(groups=(outer, inner)),
    }
    shapes = [
        Shape("make"),
        Shape("each", ("make",), rule="all_done"),
        Shape("outer.a", ("make",)),
        Shape("outer.inner.b", ("outer.a",)),
    ]
    graph = ScriptedDag(shapes).graph
    tasks = {name: replace(task, expansion=expansions.get(name)) for name, task in graph.tasks.items()}
    return Graph(graph.dag_id, tasks)


@pytest.mark.usefixtures("_drawing")
def test_a_mapped_group_is_a_box_around_its_tasks() -> None:
    svg = drawn_as(mapped_graph(), "svg")
    assert titles(svg, "cluster") == {"cluster_outer", "cluster_outer.inner"}
    labels = {tuple(texts(node)) for node in elements(svg, "node")}
    assert ("each", "PythonOperator, all_done, mapped") in labels
    assert ("outer.inner.b", "PythonOperator, mapped with outer.inner") in labels
    assert ("make", "PythonOperator") in labels


def test_a_box_is_inside_of_the_box_around_it() -> None:
    source = drawn_as(mapped_graph(), "dot").decode()
    inner = source.index('subgraph "cluster_outer.inner"')
    assert source.index('subgraph "cluster_outer"') < source.index('"outer.a" [') < inner
    assert source.count("\t\t}\n\t}\n") == 1


def test_the_text_names_what_is_mapped() -> None:
    assert drawn(mapped_graph()) == [
        "<DAG: scripted>",
        "    make (PythonOperator)",
        "        each (PythonOperator, all_done, mapped)",
        "        outer.a (PythonOperator, mapped with outer)",
        "            outer.inner.b (PythonOperator, mapped with outer.inner)",
    ]
