"""What comes from outside gets into no shell command of a DAG file that is shipped or shown."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from chalicelib.authoring.loading.loader import LoadedFile, load_file
from tests.pages import PAGES, blocks
from tests.unit.authoring.running import FakeXComs, run

ROOT = Path(__file__).parents[3]
SHIPPED = [
    path
    for folder in ("chalicelib/dags", "tests/e2e/dags", "tests/integration/server/dags")
    for path in sorted((ROOT / folder).glob("**/*.py"))
]
"""Those of tests/contract are no examples: they are kept as Airflow was asked with them."""

HARMLESS = {
    "ds",
    "ds_nodash",
    "ts",
    "ts_nodash",
    "data_interval_start",
    "data_interval_end",
    "logical_date",
    "execution_date",
    "prev_ds",
    "next_ds",
    "macros",
}
"""Names of Airflow's context that hold dates, or nothing of a run; all others count as a stranger's."""

SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}


def dangers(source: str) -> Iterator[str]:
    """What in a DAG file hands to a shell what is no constant text, or a text with something from outside."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "bash_command":
            yield from dangers_of(node.value)
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            yield "a subprocess with a shell"
        elif isinstance(node, ast.Attribute | ast.Name) and name_of(node) in SHELLS:
            yield f"a shell by {name_of(node)}"
        elif isinstance(node, ast.Attribute) and node.attr == "bash":
            yield "@task.bash: what it returns is a command"
        elif isinstance(node, ast.Call) and name_of(node.func).startswith("Bash"):
            yield from (f"a command that has no name: {ast.unparse(argument)}" for argument in node.args)


def dangers_of(command: ast.expr) -> Iterator[str]:
    if not isinstance(command, ast.Constant) or not isinstance(command.value, str):
        yield f"a command that is made: {ast.unparse(command)}"
        return
    template = jinja2.Environment().parse(command.value)  # noqa: S701 - nothing is rendered
    for name in template.find_all(nodes.Name):
        if name.name not in HARMLESS:
            yield f"{name.name} in {command.value!r}"


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def snippets() -> list[str]:
    return [snippet for text in PAGES.values() for snippet in blocks(text, "python")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_shipped_dag_file_hands_nothing_from_outside_to_a_shell(path: Path) -> None:
    assert list(dangers(path.read_text())) == []


def test_the_pages_show_how_and_not_how_not() -> None:
    assert snippets()
    for snippet in snippets():
        assert list(dangers(snippet)) == []
    assert any("env=" in snippet and "params." in snippet for snippet in snippets())
    others = "\n".join(PAGES.values())
    for snippet in snippets():
        others = others.replace(snippet, "")
    assert "bash_command" not in others


@pytest.mark.parametrize(
    "source",
    [
        "BashOperator(task_id='t', bash_command='echo {{ params.who }}')",
        "BashSensor(task_id='t', bash_command=\"test '{{ params['who'] }}'\")",
        "BashOperator(task_id='t', bash_command='echo {{ dag_run.conf.get(\"who\") }}')",
        "BashOperator(task_id='t', bash_command='echo {{ conf.who }}')",
        "BashOperator(task_id='t', bash_command='echo {{ run_id }}')",
        "BashOperator(task_id='t', bash_command='echo {{ ti.xcom_pull(\"other\") }}')",
        "BashOperator(task_id='t', bash_command='echo {{ task_instance.xcom_pull(\"other\") | upper }}')",
        "BashOperator(task_id='t', bash_command='{% if params.a %}a{% endif %}')",
        "BashOperator(task_id='t', bash_command='{% set who = params.who %}echo {{ who }}')",
        "BashOperator(task_id='t', bash_command='echo {{ ds }}' ' {{ params.who }}')",
        "BashOperator(task_id='t', bash_command=f'echo {who}')",
        "BashOperator(task_id='t', bash_command='echo ' + who)",
        "BashOperator(task_id='t', bash_command=other.output)",
        "BashOperator(task_id='t', bash_command=COMMAND)",
        "BashOperator('t', 'echo {{ params.who }}')",
        "BashOperator.partial(task_id='t').expand(bash_command=['a'])",
        "@task.bash\ndef t(who): return who",
        "subprocess.run(who, shell=True)",
        "import os\nos.system(who)",
        "from os import popen\npopen(who)",
    ],
)
def test_each_way_into_a_shell_is_seen(source: str) -> None:
    assert list(dangers(source))


def test_dates_are_no_danger() -> None:
    assert list(dangers("BashOperator(task_id='t', bash_command=\"echo {{ macros.ds_add(ds, 1) }}\")")) == []


@pytest.mark.parametrize(
    "who", ["'; touch FILE; echo '", '"; touch FILE; "', "$(touch FILE)", "`touch FILE`", "a\nb"]
)
def test_the_example_greets_whoever_it_is(tmp_path: Path, who: str) -> None:
    folder = ROOT / "chalicelib" / "dags"
    loaded = load_file(folder / "example_hello.py", folder)
    assert isinstance(loaded, LoadedFile)
    file = tmp_path / "file"
    name = who.replace("FILE", str(file))
    xcoms = FakeXComs()
    run(loaded.dags[0], "greet", xcoms, conf={"who": name})
    assert xcoms.value("greet") == f"hello {name}".splitlines()[-1]
    assert not file.exists()
