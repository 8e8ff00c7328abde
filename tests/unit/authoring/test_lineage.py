"""Lineage as Airflow 2.10.5 takes it: what a task may declare, and what it reads and writes in a run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.loading.serialization import attributes
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.lineage import (
    AUTO,
    PIPELINE_OUTLETS,
    Column,
    File,
    Table,
    Tag,
    lineage_sources,
)
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.running.context import Context
from chalicelib.authoring.running.task_instance import TaskInstance
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import FakeXComs, run

RAW = File(url="raw-{{ ds }}")
CLEAN = File(url="clean-{{ task.task_id }}")
RAW_RENDERED = File(url="raw-2024-05-06")


@dataclass
class Bucket:
    """An entity of the user's own."""

    template_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str


def a_dag() -> DAG:
    return DAG("x", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC))


def empty(task_id: str, **kwargs: Any) -> EmptyOperator:
    return EmptyOperator(task_id=task_id, **kwargs)


def text(url: str) -> str:
    return f"airflow.lineage.entities.File@version=0(url={url},type_hint=None)"


def inlets_after(dag: DAG, *task_ids: str) -> tuple[str, ...]:
    """What the last of the tasks has read when they ran in that order."""
    xcoms = FakeXComs()
    outcomes = [run(dag, task_id, xcoms) for task_id in task_ids]
    assert outcomes[-1].result is TryResult.SUCCESS, outcomes[-1].reason
    return outcomes[-1].inlets


@pytest.mark.parametrize("auto", [AUTO, "auto", "AUTO", ["auto"], [RAW, "AUTO"]])
def test_auto_takes_the_outlets_of_the_tasks_directly_upstream(auto: Any) -> None:
    with a_dag() as dag:
        empty("far", outlets=[Tag(tag_name="far")]) >> empty("a", outlets=[RAW])
        [dag.get_task("a"), empty("b", outlets=[CLEAN]), empty("none")] >> empty("c", inlets=auto)
    declared = (text("raw-2024-05-06"),) if isinstance(auto, list) and RAW in auto else ()
    taken = (text("raw-2024-05-06"), text("clean-b"))
    assert inlets_after(dag, "far", "a", "b", "none", "c") == declared + taken


def test_auto_does_not_reach_over_a_task_without_outlets() -> None:
    with a_dag() as dag:
        empty("a", outlets=[RAW]) >> empty("b") >> empty("c", inlets=AUTO)
    assert inlets_after(dag, "a", "b", "c") == ()


def test_ids_take_the_outlets_of_tasks_anywhere_upstream_in_the_order_they_are_named() -> None:
    with a_dag() as dag:
        tasks = [empty(name, outlets=[File(url=name)]) for name in ("a", "b", "c")]
        last = empty("d", inlets=["c", "a", "c", "elsewhere", "Auto", "unknown"])
        tasks[0] >> tasks[1] >> tasks[2] >> last
        empty("elsewhere", outlets=[RAW])
    assert inlets_after(dag, "elsewhere", "a", "b", "c", "d") == (text("c"), text("a"))


def test_ids_and_auto_go_together() -> None:
    with a_dag():
        a, b, c = empty("a"), empty("b"), empty("c")
        d = empty("d", inlets=["a", "auto"])
        a >> [b, c] >> d
    assert lineage_sources(d) == ["a", "b", "c"]


@pytest.mark.parametrize("as_list", [True, False])
def test_an_operator_among_the_inlets_stands_for_its_id(*, as_list: bool) -> None:
    with a_dag() as dag:
        a = empty("a", outlets=[RAW])
        a >> empty("b", inlets=[a] if as_list else a)
    assert inlets_after(dag, "a", "b") == (text("raw-2024-05-06"),)


def test_inlets_and_outlets_may_be_assigned_and_added_later() -> None:
    with a_dag() as dag:
        a, b = empty("a"), empty("b")
        a >> b
    a.outlets = RAW
    a.add_outlets([CLEAN])
    b.inlets = "auto"
    b.add_inlets([File(url="own")])
    assert inlets_after(dag, "a", "b") == (text("own"), text("raw-2024-05-06"), text("clean-a"))


def test_a_pipe_puts_tasks_in_order_and_passes_outlets_on() -> None:
    with a_dag():
        a, b, c = empty("a", outlets=[RAW]), empty("b"), empty("c")
        assert a | b | c is a
    assert (b.inlets, c.inlets, a.downstream_task_ids) == (["a"], ["a"], {"b", "c"})


def test_entities_are_attached_with_comparison_signs() -> None:
    with a_dag():
        a = empty("a")
        results = (a > RAW, a < [CLEAN], RAW > a)  # noqa: SIM300 - the entity first, as the docs show it
    assert all(result is a for result in results)
    assert (a.outlets, a.inlets) == ([RAW], [CLEAN, RAW])


class FindsItsOutlets(BaseOperator):
    """An operator that knows only while it runs what it writes."""

    supports_lineage = True

    def execute(self, context: Context) -> None:
        self.add_outlets([File(url=f"found-{context['ds']}")])


def test_outlets_that_a_task_finds_while_it_runs_count_and_stay_out_of_the_dag() -> None:
    with a_dag() as dag:
        a, b = FindsItsOutlets(task_id="a"), empty("b")
        _ = a | b
    assert inlets_after(dag, "a", "b") == (text("found-2024-05-06"),)
    assert a.outlets == []


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: empty("a") | empty("b"), ValueError, "No outlets defined for this operator"),
        (lambda: empty("a", outlets=[RAW]) | 3, TypeError, r"Right hand side \(3\) is not an Operator"),
        (lambda: empty("a") > "x", TypeError, r"Left hand side \(x\) is not an outlet"),
        (lambda: empty("a") < [3], TypeError, "3 cannot be an inlet"),
        (lambda: empty("a", inlets=[3]), AirflowException, "inlets have to be lineage entities such as"),
        (lambda: empty("a", inlets=[File]), AirflowException, "ids of tasks upstream or 'auto', not <class"),
        (lambda: empty("a", outlets={"k": 1}), AirflowException, "outlets have to be lineage entities"),
    ],
)
def test_mistakes_are_named(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with a_dag(), pytest.raises(error, match=message):
        make()


def test_a_text_is_an_outlet_and_is_rendered() -> None:
    with a_dag() as dag:
        empty("a", outlets="s3://{{ ds }}") >> empty("b", inlets=AUTO)
    assert inlets_after(dag, "a", "b") == ("s3://2024-05-06",)


def test_entities_with_entities_inside_pass_whole() -> None:
    table = Table(
        database="d", cluster="c", name="n", columns=[Column(name="x", data_type="int")], extra={"k": 1}
    )
    seen: list[Any] = []
    with a_dag() as dag:
        PythonOperator(
            task_id="b", inlets=AUTO, python_callable=lambda task: seen.extend(task.inlets)
        ) << empty("a", outlets=[table])
    inlets_after(dag, "a", "b")
    assert seen == [table]


def test_the_running_task_has_its_entities_and_the_context_what_was_declared() -> None:
    seen: dict[str, Any] = {}

    def look(ti: TaskInstance, inlets: list[Any], outlets: list[Any]) -> None:
        seen["context"] = {"inlets": inlets, "outlets": outlets}
        seen["task"] = {"inlets": ti.task.inlets, "outlets": ti.task.outlets}

    with a_dag() as dag:
        after = PythonOperator(
            task_id="b", python_callable=look, inlets=["auto", RAW], outlets=["t-{{ ds }}", CLEAN]
        )
        empty("a", outlets=[CLEAN]) >> after
    inlets_after(dag, "a", "b")
    assert seen == {
        "context": {"inlets": ["auto", RAW_RENDERED], "outlets": ["t-{{ ds }}", File(url="clean-b")]},
        "task": {
            "inlets": [RAW_RENDERED, File(url="clean-a")],
            "outlets": ["t-2024-05-06", File(url="clean-b")],
        },
    }
    assert after.inlets == ["auto", RAW]


def test_hooks_around_execute_see_the_lineage_and_may_add_to_it() -> None:
    seen: list[Any] = []

    def add(context: Context, _: Any) -> None:
        context["task"].add_outlets([File(url="late")])

    with a_dag() as dag:
        empty("a", outlets=[RAW]) >> empty(
            "b",
            inlets=AUTO,
            pre_execute=lambda context: seen.extend(context["task"].inlets),
            post_execute=add,
        )
        empty("c", inlets=AUTO) << dag.get_task("b")
    assert inlets_after(dag, "a", "b", "c") == (text("late"),)
    assert seen == [RAW_RENDERED]


def test_a_task_that_did_not_succeed_passes_nothing_on() -> None:
    def fail() -> None:
        raise ValueError("x")

    with a_dag() as dag:
        PythonOperator(task_id="a", python_callable=fail, outlets=[RAW]) >> empty("b", inlets=AUTO)
    assert inlets_after(dag, "a", "b") == ()


def test_outlets_cost_a_request_only_where_a_task_takes_them() -> None:
    with a_dag() as dag:
        empty("a", outlets=[RAW]) >> empty("b", inlets=[RAW]) >> empty("c", inlets=["b"])
    xcoms = FakeXComs()
    run(dag, "a", xcoms)
    assert xcoms.texts == {}
    dag.get_task("c").inlets = ["a"]
    run(dag, "a", xcoms)
    assert xcoms.value("a", PIPELINE_OUTLETS) == [RAW_RENDERED]


def test_entities_of_the_users_own_are_recorded_and_refused_where_they_are_taken_as_in_airflow() -> None:
    with a_dag() as dag:
        empty("a", outlets=[Bucket(name="{{ ds }}")]) >> empty("b", inlets=AUTO)
    xcoms = FakeXComs()
    outcome = run(dag, "a", xcoms)
    assert outcome.outlets == (f"{__name__}.Bucket@version=0(name=2024-05-06)",)
    refused = run(dag, "b", xcoms)
    assert refused.result is TryResult.FAILED
    assert refused.reason == (
        f"ImportError: {__name__}.Bucket was not found in allow list for deserialization imports. "
        "To allow it, add it to allowed_deserialization_classes in the configuration"
    )


def test_lineage_that_cannot_be_shown_fails_the_task_only() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("no text")

    with a_dag() as dag:
        PythonOperator(task_id="a", python_callable=lambda task: task.outlets.append(Broken()))
    assert run(dag, "a").reason == "ValueError: no text"


def test_what_a_task_shows_of_its_lineage_is_airflows() -> None:
    with a_dag():
        a = empty("a", inlets=["a", "auto", RAW], outlets="s3://{{ ds }}")
    shown = attributes(a)
    assert shown["inlets"] == "['a', 'auto', \"File(url='raw-{{ ds }}', type_hint=None)\"]"
    assert shown["outlets"] == "['s3://{{ ds }}']"


@pytest.mark.parametrize("entity", [RAW, Tag(tag_name="t"), Column(name="x", data_type="int", tags=[])])
def test_airflows_entities_pass_as_xcoms(entity: Any) -> None:
    assert from_json(to_json({"k": [entity]})) == {"k": [entity]}
