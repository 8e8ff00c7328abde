"""XComs of other DAGs, other runs and prior dates, as a task pulls them."""

from typing import Any

from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.runs.xcom_sources import XComSource
from tests.unit.authoring.running import FakeXComs, a_dag, run

OWN_RUN = "manual__2024-05-06T07:08:09+00:00"


def the_dag(pull: Any) -> DAG:
    with a_dag() as dag:
        EmptyOperator(task_id="a") >> PythonOperator(task_id="pull", python_callable=pull)
        EmptyOperator(task_id="b")
        PythonOperator.partial(task_id="many", python_callable=len).expand(op_args=[["x"], ["y"]])
    return dag


def runs(*values: dict[str, Any]) -> list[FakeXComs]:
    """The XComs of runs, the latest first."""
    made = []
    for values_of_run in values:
        xcoms = FakeXComs()
        for task_id, value in values_of_run.items():
            xcoms.given(task_id, value)
        made.append(xcoms)
    return made


def test_a_run_of_another_dag_is_that_of_the_same_id() -> None:
    def pull(ti: Any) -> list[Any]:
        return [
            ti.xcom_pull(task_ids="made", dag_id="other"),
            ti.xcom_pull(["made", "gone"], "other"),
            ti.xcom_pull(task_ids="gone", dag_id="other", default="none"),
            list(ti.xcom_pull(task_ids="expanded", dag_id="other")),
            ti.xcom_pull(task_ids="expanded", dag_id="other", map_indexes=1),
            ti.xcom_pull(task_ids="made", run_id="earlier"),
        ]

    (other,) = runs({"made": {"n": 1}})
    other.given_by_index("expanded", {0: "x", 1: "y"})
    xcoms = FakeXComs(others=[other])
    run(the_dag(pull), "pull", xcoms)
    assert xcoms.value("pull") == [{"n": 1}, [{"n": 1}], "none", ["x", "y"], "y", {"n": 1}]
    of_other = XComSource(dag_id="other", run_id=OWN_RUN, include_prior_dates=False)
    of_earlier = XComSource(dag_id="x", run_id="earlier", include_prior_dates=False)
    assert xcoms.sources == [of_other] * 5 + [of_earlier]


def test_of_prior_dates_the_latest_run_with_a_value_counts() -> None:
    def pull(ti: Any) -> list[Any]:
        return [
            ti.xcom_pull(task_ids="a", include_prior_dates=True),
            ti.xcom_pull(task_ids="b", include_prior_dates=True),
            ti.xcom_pull(include_prior_dates=True),
            ti.xcom_pull(task_ids=["a", "b"], include_prior_dates=True),
            ti.xcom_pull(task_ids="none", include_prior_dates=True, default=0),
        ]

    xcoms = FakeXComs(others=runs({"b": 9}, {"a": 2, "b": 8}, {"a": 1}))
    run(the_dag(pull), "pull", xcoms)
    assert xcoms.value("pull") == [2, 9, 2, [1, 2, 8, 9], 0]
    assert {source.include_prior_dates for source in xcoms.sources} == {True}
    assert xcoms.others[2].requests.count("a#-1#return_value") == 1, "looked at no further than need be"


def test_a_mapped_task_s_values_of_an_earlier_run_are_a_sequence() -> None:
    (earlier,) = runs({})
    earlier.given_by_index("many", {0: 5, 1: 6})
    xcoms = FakeXComs(others=[FakeXComs(), earlier])
    dag = the_dag(lambda ti: list(ti.xcom_pull(task_ids="many", include_prior_dates=True)))
    run(dag, "pull", xcoms)
    assert xcoms.value("pull") == [5, 6]


def test_without_task_ids_a_task_finds_what_it_has_pushed_itself() -> None:
    def pull(ti: Any) -> Any:
        ti.xcom_push("mine", 1)
        return [ti.xcom_pull(key="mine"), ti.xcom_pull()]

    xcoms = FakeXComs()
    xcoms.given("a", 3)
    run(the_dag(pull), "pull", xcoms)
    assert xcoms.value("pull") == [1, 3]


def test_of_another_dag_a_task_has_to_be_named() -> None:
    outcome = run(the_dag(lambda ti: ti.xcom_pull(dag_id="other")), "pull", FakeXComs())
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == "NotOffered: Updraft does not offer XComs of other DAGs without task_ids"
