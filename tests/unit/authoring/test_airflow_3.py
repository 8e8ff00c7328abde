"""DAGs that are made by Airflow 3's names have its rules, beside those of Airflow 2 in the same folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.authoring.exceptions import AirflowRuntimeError
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.sdk.current_context import get_current_context
from chalicelib.authoring.sdk.dag import DAG
from chalicelib.authoring.sdk.variable import Variable
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.schedule.timetables import Schedule
from tests.scripted.loading import load_folder
from tests.unit.authoring.running import FakeXComs, call, dag_of, run

START = datetime(2024, 1, 1, tzinfo=UTC)

OF_AIRFLOW_2 = """
from datetime import datetime
from airflow import DAG
from airflow.decorators import dag

with DAG("two", schedule="@daily", start_date=datetime(2024, 1, 1)):
    pass

@dag(schedule="@daily", start_date=datetime(2024, 1, 1))
def two_by_function():
    pass

two_by_function()
"""

OF_AIRFLOW_3 = (
    OF_AIRFLOW_2.replace("from airflow import DAG\n", "")
    .replace("from airflow.decorators import dag", "from airflow.sdk import DAG, dag")
    .replace("two", "three")
)


def test_both_generations_live_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(OF_AIRFLOW_2)
    (tmp_path / "three.py").write_text(OF_AIRFLOW_3)
    loaded = load_folder(tmp_path)
    assert loaded.failures == ()
    rules = {name: (dag.is_of_airflow_3, dag.catchup) for name, dag in loaded.dags.items()}
    assert rules == {
        "two": (False, True),
        "two_by_function": (False, True),
        "three": (True, False),
        "three_by_function": (True, False),
    }
    documents = {name: serialize(dag, "x.py") for name, dag in loaded.dags.items()}
    assert {name for name, document in documents.items() if document.get("is_trigger")} == {
        "three",
        "three_by_function",
    }


def test_a_dag_has_no_schedule_unless_it_says_so() -> None:
    dag = DAG("x")
    assert (dag.schedule, dag.catchup, dag.tags) == (None, False, set())
    dag.validate()


@pytest.mark.parametrize(
    "name", ["schedule_interval", "timetable", "fail_stop", "concurrency", "default_view"]
)
def test_arguments_that_are_gone_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        DAG("x", **{name: None})  # type: ignore[arg-type]  # none of its arguments


def test_a_schedule_needs_no_start_unless_it_is_caught_up() -> None:
    DAG("x", schedule="@daily").validate()
    with pytest.raises(ValueError, match="start_date is required when catchup=True"):
        DAG("x", schedule="@daily", catchup=True).validate()


@pytest.mark.parametrize("expression", ["0 3 * * *", timedelta(days=1)])
def test_a_run_stands_for_the_moment_of_its_schedule(expression: str | timedelta) -> None:
    dag = DAG("x", schedule=expression, start_date=START + timedelta(hours=3), catchup=True)
    planning = Schedule.of_document(serialize(dag, "x.py"))
    first = planning.next_run(None, START + timedelta(days=9))
    assert first is not None
    assert (first.logical_date, first.run_after) == (START + timedelta(hours=3),) * 2
    second = planning.next_run(first, START + timedelta(days=9))
    assert second is not None
    assert second.logical_date == START + timedelta(days=1, hours=3)
    by_hand = planning.manual_interval(START + timedelta(minutes=1))
    assert (by_hand.start, by_hand.end) == (START + timedelta(minutes=1),) * 2


@pytest.mark.parametrize(
    ("expression", "now", "moment"),
    [
        ("0 3 * * *", START + timedelta(hours=3, minutes=5), START + timedelta(hours=3)),
        ("0 3 * * *", START + timedelta(hours=15), START + timedelta(days=1, hours=3)),
        (86400, START + timedelta(hours=15), START),
    ],
)
def test_without_a_start_the_first_run_is_one_that_is_near(
    expression: str | float, now: datetime, moment: datetime
) -> None:
    planned = Schedule(expression=expression, catchup=False, is_trigger=True).next_run(None, now)
    assert planned is not None
    assert planned.start == planned.end == moment


def test_without_catchup_only_the_latest_moment_counts() -> None:
    schedule = Schedule(expression="0 3 * * *", start_date=START, catchup=False, is_trigger=True)
    late = schedule.next_run(None, START + timedelta(days=9, hours=4))
    assert late is not None
    assert late.start == START + timedelta(days=9, hours=3)
    following = schedule.next_run(late, START + timedelta(days=9, hours=4))
    assert following is not None
    assert following.start == START + timedelta(days=10, hours=3)
    ended = Schedule(
        expression="0 3 * * *", start_date=START, end_date=START + timedelta(days=1), is_trigger=True
    )
    assert ended.next_run(following, START) is None
    assert schedule.previous_time(START) is None, "as of any trigger timetable in Airflow"


TASKS = """
from airflow.sdk import DAG, get_current_context, task

with DAG("tasks", schedule=None):
    @task
    def pull(ti=None, dag_run=None):
        ti.xcom_push("colour", "red")
        return [
            ti.xcom_pull(key="colour"),
            ti.xcom_pull(task_ids=["before", "nobody"]),
            dag_run.run_after is not None,
        ]

    @task
    def gone(dag_run=None):
        found = [name for name in ("execution_date", "prev_ds", "conf") if name in get_current_context()]
        return [found, hasattr(dag_run, "external_trigger"), hasattr(dag_run, "execution_date")]

    @task
    def templated(text):
        return text

    pull()
    gone()
    templated("{{ yesterday_ds }}")
"""


def test_a_task_sees_what_airflow_3_shows_it(tmp_path: Path) -> None:
    dag = dag_of(tmp_path, TASKS)
    xcoms = FakeXComs()
    xcoms.given("before", "blue")
    assert run(dag, "pull", xcoms).result is TryResult.SUCCESS
    assert xcoms.value("pull") == ["red", ["blue", None], True]
    run(dag, "gone", xcoms)
    assert xcoms.value("gone") == [[], False, False]
    assert run(dag, "templated", xcoms).result is TryResult.FAILED


def test_what_is_not_there_is_told_by_airflow_3s_errors() -> None:
    with pytest.raises(RuntimeError, match="no context was found"):
        get_current_context()
    with pytest.raises(AirflowRuntimeError, match="nothing_of_the_kind"):
        Variable.get("nothing_of_the_kind")
    assert Variable.get("nothing_of_the_kind", default=3) == 3


UNDATED = """
from airflow.sdk import DAG, get_current_context, task
from airflow.providers.standard.operators.bash import BashOperator

with DAG("undated", schedule=None):
    @task
    def dates(dag_run=None, ti=None, ds=None, task_instance_key_str=None, run_id=None):
        names = ("logical_date", "ds", "ts", "data_interval_end")
        found = [name for name in names if name in get_current_context()]
        is_by_id = task_instance_key_str == f"undated__dates__{run_id}"
        of_run = [dag_run.logical_date, dag_run.data_interval_start]
        return [found, ds, *of_run, is_by_id, "base_date" in ti.log_url]

    dates()
    BashOperator(task_id="bash", bash_command="echo ${AIRFLOW_CTX_EXECUTION_DATE:-none}")
"""


def test_a_run_for_which_nobody_gave_a_date_has_none(tmp_path: Path) -> None:
    dag, xcoms = dag_of(tmp_path, UNDATED), FakeXComs()
    run(dag, "dates", xcoms, is_undated=True)
    assert xcoms.value("dates") == [[], None, None, None, True, False]
    run(dag, "bash", xcoms, is_undated=True)
    assert xcoms.value("bash") == "none"
    run(dag, "dates", xcoms)
    assert xcoms.value("dates")[0] == ["logical_date", "ds", "ts", "data_interval_end"]


def test_tasks_of_airflow_2_see_a_date_in_each_run() -> None:
    _, value = call(lambda ds, logical_date: [ds, logical_date.year], request={"is_undated": True})
    assert value == ["2024-05-06", 2024]
