"""Mapped tasks and groups as a DAG file writes them, and the document that the engine gets of them."""

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from chalicelib.authoring.exceptions import NotOffered
from chalicelib.authoring.loading.loader import ImportFailure, load_file
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.expansion import (
    Concat,
    Expansion,
    Literal,
    MappedGroup,
    OutputOf,
    Product,
    Zip,
)
from chalicelib.domain.graph.graph import Graph
from tests.unit.authoring.running import dag_of

REFUSED = json.loads(Path(__file__).with_name("airflow_refused_mappings.json").read_text())
"""What a file writes, and Airflow 2.10.5's words why it is not loaded."""

BEGINNING = """
from datetime import datetime, timedelta, timezone

from airflow import DAG
from airflow.decorators import setup, task, task_group, teardown
from airflow.models.xcom_arg import XComArg
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.task_group import TaskGroup


def ident(x):
    return x


with DAG("mapped", start_date=datetime(2024, 1, 1, tzinfo=timezone.utc), schedule=None) as dag:

    @task
    def src():
        return [1]

    @task
    def f(x, y=1):
        return x

    @task
    def kw(**kwargs):
        return 1

    @task
    def ctx(x, ti=None):
        return 1

    @task(multiple_outputs=True)
    def mo():
        return {}

    s = src()
    srcop = PythonOperator(task_id="srcop", python_callable=ident, op_args=[1])
"""


def file_with(lines: str) -> str:
    return BEGINNING + indent(lines, "    ") + "\n"


def document_of(folder: Path, lines: str) -> dict[str, Any]:
    document = serialize(dag_of(folder, file_with(lines)), "the_dag.py")
    loaded: dict[str, Any] = json.loads(json.dumps(document))
    return loaded


def graph_of(folder: Path, lines: str) -> Graph:
    return graph_from_document(document_of(folder, lines))


def expansion_of(folder: Path, lines: str, task_id: str = "f") -> Expansion | None:
    return graph_of(folder, lines).task(task_id).expansion


def task_in(folder: Path, lines: str, task_id: str) -> dict[str, Any]:
    return next(task for task in document_of(folder, lines)["tasks"] if task["task_id"] == task_id)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: str(case["write"][-1]))
def test_what_airflow_refuses_is_refused_in_its_words(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "the_dag.py"
    path.write_text(file_with("\n".join(case["write"])))
    loaded = load_file(path, tmp_path)
    assert isinstance(loaded, ImportFailure)
    assert loaded.message.partition("line ")[2].partition(": ")[2] == case["error"]


def test_an_argument_of_a_mapped_group_cannot_be_mapped_over(tmp_path: Path) -> None:
    inner = "@task_group\ndef inner(w):\n    f(w)\n"
    outer = "@task_group\ndef g(v):\n    inner.expand(w=v)\ng.expand(v=[[1]])"
    path = tmp_path / "the_dag.py"
    path.write_text(file_with(inner + outer))
    loaded = load_file(path, tmp_path)
    assert isinstance(loaded, ImportFailure)
    assert NotOffered.__name__ in loaded.message
    assert "Updraft does not offer expansion over an argument of a mapped task group" in loaded.message


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ("f.expand(x=[1, 2, 3])", Literal(count=3)),
        ("f.expand(x={'a': 1, 'b': 2})", Literal(count=2)),
        ("f.expand(x=())", Literal(count=0)),
        ("f.expand(x=s)", OutputOf(task_id="src")),
        ("f.expand(x=srcop.output)", OutputOf(task_id="srcop")),
        ("f.expand(x=s.map(ident).map(ident))", OutputOf(task_id="src")),
        ("f.expand(y=s, x=[1, 2])", Product(parts=(OutputOf(task_id="src"), Literal(count=2)))),
        (
            "f.expand(x=s.zip(srcop.output))",
            Zip(parts=(OutputOf(task_id="src"), OutputOf(task_id="srcop")), longest=False),
        ),
        (
            "f.expand(x=s.zip(srcop.output, fillvalue=None).map(ident))",
            Zip(parts=(OutputOf(task_id="src"), OutputOf(task_id="srcop")), longest=True),
        ),
        (
            "f.expand(x=s.concat(srcop.output).concat(s.zip(s)))",
            Concat(
                parts=(
                    OutputOf(task_id="src"),
                    OutputOf(task_id="srcop"),
                    Zip(parts=(OutputOf(task_id="src"), OutputOf(task_id="src")), longest=False),
                )
            ),
        ),
        ("f.expand_kwargs([{'x': 1}, {'x': 2, 'y': 3}])", Literal(count=2)),
        ("f.expand_kwargs(s)", OutputOf(task_id="src")),
        ("f.partial(y=1).expand(x=s)", OutputOf(task_id="src")),
        ("f.override(retries=3).partial(y=1).expand_kwargs([{'x': 1}, s])", Literal(count=2)),
    ],
)
def test_the_length_of_a_mapped_task(lines: str, length: Any, tmp_path: Path) -> None:
    assert expansion_of(tmp_path, lines) == Expansion(own=length)


def test_a_task_comes_after_all_outputs_among_its_arguments(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        """
f.partial(y=srcop.output).expand(x=[1, s])
BashOperator.partial(task_id="b", env={"a": srcop.output}, doc=s).expand(bash_command=s.map(ident))
""",
    )
    assert graph.task("f").upstream == ("src", "srcop")
    assert graph.task("b").upstream == ("src", "srcop")
    assert graph.task("src").expansion is None


def test_a_mapped_operator_stands_in_the_graph_like_any_task(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        """
a = BashOperator.partial(task_id="b").expand(bash_command=["a"])
srcop >> a >> f.expand(x=a.output) >> EmptyOperator(task_id="end")
a.set_upstream(s)
a.set_downstream(EmptyOperator(task_id="e2"))
with TaskGroup("g"):
    a >> kw.expand(a=[1])
f.expand(x=[2])
""",
    )
    assert graph.task("b").upstream == ("src", "srcop")
    assert sorted(graph.task("b").downstream) == ["e2", "f", "g.kw"]
    assert graph.task("end").upstream == ("f",)
    assert graph.task("f__1").expansion == Expansion(own=Literal(count=1))


def test_arguments_of_the_task_are_known_before_it_is_expanded(tmp_path: Path) -> None:
    task = task_in(
        tmp_path,
        """
dag.default_args["retries"] = 4
last = BashOperator.partial(
    task_id="b", pool="p", pool_slots=2, trigger_rule="all_done", retry_delay=7, queue="q",
    max_active_tis_per_dag=3, max_active_tis_per_dagrun=2, map_index_template="{{ x }}", priority_weight=5,
    wait_for_downstream=True, execution_timeout=timedelta(minutes=1), on_failure_callback=print,
).expand(bash_command=["a"])
last.weight_rule = "absolute"
""",
        "b",
    )
    wanted = {
        "operator": "BashOperator",
        "retries": 4,
        "pool": "p",
        "pool_slots": 2,
        "trigger_rule": "all_done",
        "retry_delay": 7.0,
        "queue": "q",
        "max_active_tis_per_dag": 3,
        "max_active_tis_per_dagrun": 2,
        "priority_weight": 5,
        "depends_on_past": True,
        "wait_for_downstream": True,
        "execution_timeout": 60.0,
        "callbacks": ["on_failure_callback"],
        "is_empty": False,
    }
    assert {name: task[name] for name in wanted} == wanted


def test_the_attributes_of_a_mapped_task_are_those_that_airflow_shows(tmp_path: Path) -> None:
    lines = """
f.partial(y=2).expand(x=s.zip(srcop.output, fillvalue=0))
BashOperator.partial(task_id="b", env={"A": "1"}, retries=3).expand(bash_command=["a", "b"])
"""
    assert task_in(tmp_path, lines, "f")["attributes"] == {
        "op_args": "None",
        "op_kwargs": "None",
        "templates_dict": "None",
        "op_kwargs_expand_input": "DictOfListsExpandInput(value={'x': "
        "XComArg(<Task(_PythonDecoratedOperator): src>)"
        ".zip(XComArg(<Task(PythonOperator): srcop>), fillvalue=0)})",
    }
    assert task_in(tmp_path, lines, "b")["attributes"] == {
        "bash_command": "None",
        "cwd": "None",
        "env": "None",
    }


def test_tasks_of_mapped_groups_are_expanded_with_the_groups(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        """
@task_group
def inner(w, v):
    with TaskGroup("plain"):
        f(w, v)
    return kw(a=w)

@task_group
def outer(v, z):
    ctx(v)
    return inner.partial(v=v).expand(w=[1, 2, 3])

with TaskGroup("around"):
    made = outer.partial(z=1).expand_kwargs(s.map(ident))
f(made)
""",
    )
    outer = MappedGroup(group_id="around.outer", length=OutputOf(task_id="src"))
    inner = MappedGroup(group_id="around.outer.inner", length=Literal(count=3))
    assert {name: task.expansion for name, task in graph.tasks.items() if task.expansion} == {
        "around.outer.ctx": Expansion(groups=(outer,), is_direct=True),
        "around.outer.inner.plain.f": Expansion(groups=(outer, inner), is_direct=False),
        "around.outer.inner.kw": Expansion(groups=(outer, inner), is_direct=True),
    }
    assert {name: task.upstream for name, task in graph.tasks.items() if task.upstream} == {
        "around.outer.ctx": ("src",),
        "around.outer.inner.plain.f": ("src",),
        "around.outer.inner.kw": ("src",),
        "f": ("around.outer.inner.kw",),
    }


def test_the_argument_of_a_mapped_group_is_shown_as_airflow_shows_it(tmp_path: Path) -> None:
    lines = "@task_group\ndef g(v):\n    f(v)\ng.expand(v=[1, 2])"
    attributes = task_in(tmp_path, lines, "g.f")["attributes"]
    assert attributes["op_args"] == (
        "(MappedArgument(_input=DictOfListsExpandInput(value={'v': [1, 2]}), _key='v'),)"
    )
    assert attributes["task_group"] == "<airflow.utils.task_group.MappedTaskGroup object>"


def test_mapped_tasks_are_setups_and_teardowns(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        """
@setup
def st(x): pass

@teardown(on_failure_fail_dagrun=True)
def td(x): pass

a, b = st.expand(x=[1]), td.expand(x=[1])
a >> f(1) >> b
a >> b
c = BashOperator.partial(task_id="c").expand(bash_command=["a"])
c.as_teardown(setups=EmptyOperator(task_id="e"))
""",
    )
    assert graph.task("st").is_setup
    assert graph.task("td").is_teardown
    assert graph.task("td").on_failure_fail_dagrun
    assert graph.task("td").trigger_rule == "all_done_setup_success"
    assert graph.task("c").trigger_rule == "all_done_setup_success"
    assert graph.task("e").is_setup


def test_mapped_tasks_do_not_join_the_scope_they_are_made_in_as_in_airflow(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        """
a, z = EmptyOperator(task_id="a").as_setup(), EmptyOperator(task_id="z")
with z.as_teardown(setups=a):
    BashOperator.partial(task_id="b").expand(bash_command=["a"])
    EmptyOperator(task_id="plain")
""",
    )
    assert graph.task("b").upstream == ()
    assert graph.task("plain").upstream == ("a",)
    assert graph.task("z").upstream == ("a", "plain")


@pytest.mark.parametrize(
    ("lines", "may_skip"),
    [
        ("@task.branch\ndef t(x): return 'e'\nt.expand(x=[1])", "branch"),
        ("@task.short_circuit\ndef t(x): return x\nt.expand(x=[1])", "all"),
        (
            "@task.short_circuit(ignore_downstream_trigger_rules=False)\ndef t(x): return x\nt.expand(x=[1])",
            "direct",
        ),
        ("@task.bash\ndef t(x): return x\nt.expand(x=[1])", "none"),
        ("@task.sensor(mode='reschedule')\ndef t(x): return x\nt.expand(x=[1])", "none"),
    ],
)
def test_mapped_tasks_may_order_skips_as_their_operators_do(
    lines: str, may_skip: str, tmp_path: Path
) -> None:
    assert graph_of(tmp_path, lines).task("t").may_skip == may_skip


def test_a_mapped_empty_operator_needs_no_worker(tmp_path: Path) -> None:
    lines = "EmptyOperator.partial(task_id='e').expand_kwargs([{}, {}])"
    assert graph_of(tmp_path, lines).task("e").is_empty


def test_a_mapped_operator_is_known_as_such(tmp_path: Path) -> None:
    made = dag_of(tmp_path, file_with("f.override(task_id='g').expand(x=[1])")).get_task("g")
    assert isinstance(made, MappedOperator)
    assert made.task_type == "_PythonDecoratedOperator"
    assert made.operator_name == "@task"
    assert repr(made) == "<Mapped(_PythonDecoratedOperator): g>"
    assert made.task_display_name == "g"
    assert str(made.output) == (
        "{{ task_instance.xcom_pull(task_ids='g', dag_id='mapped', key='return_value') }}"
    )
