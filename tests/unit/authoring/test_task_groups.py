"""Task groups: the ids of what is in them, what comes before and after them, and scopes around them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException, DuplicateTaskIdFound
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dependencies import Label
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.taskflow.decorators import task, task_group
from tests.unit.authoring.running import a_dag, dag_of

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "dags" / "grouped_dags.json").read_text()
)
"""Random DAGs of nested groups, mapped ones too, labels, setups, teardowns and scopes, as Airflow 2.10.5
makes them."""

HEAD = '''
from airflow import DAG
from airflow.decorators import setup, task, task_group, teardown
from airflow.models.baseoperator import chain, cross_downstream
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup

@task
def tf(x=None):
    return 1

@setup
def sf(x=None):
    return 1

@teardown
def df(x=None):
    return 1

@task_group
def gf():
    """Doc of gf."""
    EmptyOperator(task_id="ga") >> EmptyOperator(task_id="gb")

@task_group
def gm(x):
    return tf(tf(x))

@task_group(group_id="gm2", prefix_group_id=False)
def gm2_(x):
    a = EmptyOperator(task_id="m2a")
    b = tf.override(task_id="m2b")(x)
    with TaskGroup("inner"):
        c = tf.override(task_id="m2c")(x)
    a >> b >> c

@task_group(prefix_group_id=False)
def gbare():
    return tf()

@task_group(group_id="gret", default_args={"retries": 7})
def gret_():
    return tf(tf())

with DAG("the_dag", schedule=None, default_args=DEFAULTS):
'''


def empty(task_id: str, **arguments: Any) -> EmptyOperator:
    return EmptyOperator(task_id=task_id, **arguments)


def shown(task: BaseOperator) -> dict[str, Any]:
    told = {
        "upstream": sorted(task.upstream_task_ids),
        "label": task.label if task.label != task.task_id else "",
        "is_setup": task.is_setup,
        "is_teardown": task.is_teardown,
        "on_failure_fail_dagrun": task.on_failure_fail_dagrun,
        "retries": task.retries,
        "owner": task.owner if task.owner != "airflow" else "",
    }
    return {name: value for name, value in told.items() if value}


def shown_group(group: TaskGroup) -> dict[str, Any]:
    told = {
        "label": group.label if group.label != group.group_id else "",
        "roots": sorted({task.task_id for task in group.roots}),
        "leaves": sorted({task.task_id for task in group.leaves}),
        "tooltip": group.tooltip,
    }
    return {name: value for name, value in told.items() if value}


@pytest.mark.parametrize("name", RECORDED)
def test_nested_groups_become_the_tasks_and_edges_that_airflow_recorded(name: str, tmp_path: Path) -> None:
    recorded = RECORDED[name]
    body = "\n".join(f"    {line}" for line in recorded["body"])
    dag = dag_of(tmp_path, HEAD.replace("DEFAULTS", repr(recorded["default_args"])) + body)
    assert {task.task_id: shown(task) for task in dag.tasks} == recorded["tasks"]
    groups = {group_id: dag.find_group(group_id) for group_id in recorded["groups"]}
    assert {name: shown_group(group) for name, group in groups.items() if group} == recorded["groups"]


def test_what_is_in_a_group_without_prefix_has_its_bare_id_wherever_that_lies() -> None:
    with a_dag() as dag, TaskGroup("first"):
        empty("a")
        with TaskGroup("bare", prefix_group_id=False) as bare:
            b = empty("b")
            with TaskGroup("middle") as middle:
                c = empty("c")
    assert dag.task_ids == ["first.a", "b", "middle.c"]
    assert (bare.group_id, middle.group_id) == ("first.bare", "middle")
    assert (bare.label, middle.label, b.label, c.label) == ("bare", "middle", "b", "c")


def test_a_group_looks_for_its_id_among_all_before_the_prefix_is_put_before_it() -> None:
    with a_dag() as dag:
        empty("load")
        with TaskGroup("day"):
            with pytest.raises(DuplicateTaskIdFound, match="group_id 'load' has already been added"):
                TaskGroup("load")
            assert TaskGroup("load", add_suffix_on_collision=True).group_id == "day.load__1"
            TaskGroup("check")
            with pytest.raises(DuplicateTaskIdFound, match=r"Task Group id 'day\.check' has already"):
                TaskGroup("check", add_suffix_on_collision=True)
    assert dag.find_group("day.load__1") is not None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TaskGroup("a.b"), AirflowException, "alphanumeric characters, dashes and underscores"),
        (lambda: TaskGroup("a" * 201), AirflowException, "less than 200 characters"),
        (lambda: TaskGroup(7), TypeError, "has to be a string"),  # type: ignore[arg-type]  # the mistake
        (lambda: TaskGroup(7, prefix_group_id=False), ValueError, "group_id must be str"),  # type: ignore[arg-type]  # the mistake
        (lambda: TaskGroup("", prefix_group_id=False), ValueError, "group_id must not be empty"),
    ],
)
def test_what_is_no_id_of_a_group_is_refused(
    make: Callable[[], TaskGroup], error: type[Exception], message: str
) -> None:
    with a_dag(), pytest.raises(error, match=message):
        make()


def test_an_id_that_is_no_prefix_may_be_any_text() -> None:
    with a_dag() as dag, TaskGroup("for people: 1.", prefix_group_id=False) as group:
        empty("a")
    assert (group.group_id, dag.task_ids) == ("for people: 1.", ["a"])


def test_a_label_between_members_of_two_groups_stands_between_the_groups() -> None:
    with a_dag() as dag:
        with TaskGroup("g"):
            a, _ = empty("a"), empty("b")
        a >> Label("then") >> empty("end")
        empty("start") >> Label("first") >> a
    assert dag.get_task("end").upstream_task_ids == {"g.a", "g.b"}
    assert dag.get_task("g.a").upstream_task_ids == {"start"}
    assert dag.get_task("g.b").upstream_task_ids == set()


def test_tasks_after_an_inner_scope_are_in_none() -> None:
    with a_dag() as dag:
        outer = empty("outer").as_teardown(setups=empty("first"))
        with outer:
            inside = empty("inside")
            with empty("inner").as_teardown(setups=empty("second")):
                empty("within")
            empty("later")
    assert inside.downstream_task_ids == {"outer"}
    assert dag.get_task("later").upstream_task_ids == dag.get_task("later").downstream_task_ids == set()
    assert dag.get_task("second").upstream_task_ids == {"first"}
    assert dag.get_task("inner").downstream_task_ids == {"outer"}


def test_a_function_makes_a_group_with_its_docstring_as_tooltip_each_time() -> None:
    @task
    def load() -> int:
        return 1

    @task_group(default_args={"retries": 3})  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def day() -> None:
        """One day."""
        load()

    with a_dag() as dag:
        first, second = day(), day()
    assert (first.group_id, second.group_id, first.tooltip) == ("day", "day__1", "One day.")
    assert dag.task_ids == ["day.load", "day__1.load"]
    assert dag.get_task("day.load").retries == 3


def test_what_stands_before_and_after_an_empty_group_is_not_put_in_order() -> None:
    with a_dag() as dag:
        with TaskGroup("nothing") as nothing:
            pass
        empty("a") >> nothing >> empty("b")
    assert dag.get_task("b").upstream_task_ids == set()


def test_a_group_knows_its_members() -> None:
    with a_dag() as dag:
        with TaskGroup("g") as group:
            a = empty("a")
            with TaskGroup("h", prefix_group_id=False) as inner:
                b = empty("b")
        other = empty("other")
    assert list(group) == [a, b]
    assert (group.has_task(b), group.has_task(other)) == (True, False)
    assert group.get_child_by_label("a") is a
    assert group.get_child_by_label("h") is inner
    assert (dag.task_group.is_root, group.is_root) == (True, False)
    assert dag.task_group_dict == {"g": group, "g.h": inner}


def test_a_group_cannot_be_added_to_a_scope() -> None:
    with a_dag():
        group = TaskGroup("g")
        with pytest.raises(TypeError, match="Only tasks can be added"), empty("last").as_teardown() as scope:
            scope.add_task(group)
