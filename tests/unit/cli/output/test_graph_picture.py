"""``dags show``: a graph as a picture."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.cli.output.graph_picture import drawn_as
from chalicelib.domain.graph import Graph
from chalicelib.engine.core import Engine
from tests.contract.engines import engine_in_memory
from tests.property.dags import ScriptedDag, Shape

pytest.importorskip("pygraphviz", reason="it has no wheel for this machine")

SHAPES = [
    Shape("extract"),
    Shape("clean", ("extract",)),
    Shape("check", ("extract",), is_empty=True),
    Shape("load", ("clean", "check"), rule="none_failed"),
]
SVG = "{http://www.w3.org/2000/svg}"


def elements(svg: bytes, kind: str) -> list[ElementTree.Element]:
    drawing = ElementTree.fromstring(svg)  # noqa: S314 - our own
    return [group for group in drawing.iter(f"{SVG}g") if group.get("class") == kind]


def texts(element: ElementTree.Element, tag: str = "text") -> list[str | None]:
    return [found.text for found in element.iter(SVG + tag)]


def titles(svg: bytes, kind: str) -> set[str | None]:
    return {texts(element, "title")[0] for element in elements(svg, kind)}


def test_every_task_and_every_edge_is_in_the_picture() -> None:
    svg = drawn_as(ScriptedDag(SHAPES).graph, "svg")
    assert titles(svg, "node") == {"extract", "clean", "check", "load"}
    edges = {"extract->clean", "extract->check", "clean->load", "check->load"}
    assert titles(svg, "edge") == edges
    labels = {tuple(texts(node)) for node in elements(svg, "node")}
    assert ("load", "PythonOperator, none_failed") in labels
    assert ("check", "EmptyOperator") in labels
    assert "scripted" in texts(elements(svg, "graph")[0])


@pytest.mark.parametrize("name", ["<b>bold</b>", 'a "b" & c', r"back\nslash", "größer", "group.inner-1"])
def test_whatever_a_task_is_called_is_shown_as_it_is(name: str) -> None:
    svg = drawn_as(ScriptedDag([Shape(name), Shape("next", (name,))]).graph, "svg")
    assert (name, "PythonOperator") in {tuple(texts(node)) for node in elements(svg, "node")}
    assert len(elements(svg, "edge")) == 1


def test_tasks_have_their_operators_colours() -> None:
    document: dict[str, Any] = ScriptedDag([Shape("a")]).document()
    document["tasks"][0]["attributes"] = {"ui_color": "#e6f1f2", "ui_fgcolor": "#0a0"}
    (node,) = elements(drawn_as(Graph.from_document(document), "svg"), "node")
    (outline,) = node.iter(f"{SVG}path")
    assert (outline.get("fill"), outline.get("stroke")) == ("#e6f1f2", "#00aa00")


@pytest.fixture
def engine() -> Engine:
    made = engine_in_memory(lambda: datetime(2026, 3, 1, tzinfo=UTC))
    ScriptedDag(SHAPES).save(made.store)  # type: ignore[arg-type]  # it is the one in memory
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
    engine: Engine, tmp_path: Path, suffix: str, begin: bytes
) -> None:
    file = tmp_path / f"scripted.{suffix}"
    result = show(engine, "--save", str(file))
    assert (result.exit_code, result.output) == (0, f"File {file} saved\n")
    assert file.read_bytes().startswith(begin)


def test_another_kind_of_file_is_wrong_usage(engine: Engine, tmp_path: Path) -> None:
    result = show(engine, "--save", str(tmp_path / "scripted.txt"))
    assert result.exit_code == 2
    assert "A picture is saved as one of svg, png, pdf, dot, not as scripted.txt" in result.output
    assert list(tmp_path.iterdir()) == []


def test_without_pygraphviz_only_pictures_are_missing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # what an import of a missing module finds
    result = show(engine, "--save", str(tmp_path / "scripted.svg"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Pictures need pygraphviz (")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    assert show(engine).exit_code == 0


def test_the_source_for_graphviz_is_printed(engine: Engine) -> None:
    result = show(engine, "--dot")
    assert result.exit_code == 0
    assert "extract -> clean;" in result.output
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
