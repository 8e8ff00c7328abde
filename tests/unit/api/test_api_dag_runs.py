from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import Expected
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.contract_dags import deploy
from tests.scripted.in_process_api import InProcessApi

RUNS = "/dags/etl/dag_runs"
DATE = "2024-05-06T07:08:09"
MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LATER = datetime(2024, 5, 6, 8, 0, 0, 250, tzinfo=UTC)


def _start_run(engine: Engine) -> None:
    run = engine.store.dag_runs.get("etl", MOMENT)
    assert run is not None
    engine.store.dag_runs.transition(
        run.ref, frozenset({DagRunState.QUEUED}), {"state": DagRunState.RUNNING, "start_date": LATER}
    )


def test_runs_are_listed_by_execution_date_in_utc(api: InProcessApi, engine: Engine) -> None:
    api.post(RUNS, {"execution_date": f"{DATE}.5", "run_id": "second"})
    api.post(RUNS, {"execution_date": "2024-05-06T09:08:09+02:00", "run_id": "first"})
    _start_run(engine)
    answer = api.get(RUNS)
    ids = [run.pop("id") for run in answer.body]
    assert answer.body == [
        {
            "dag_id": "etl",
            "dag_run_url": "/airflow/dags/etl/graph?execution_date=2024-05-06+07%3A08%3A09%2B00%3A00",
            "execution_date": "2024-05-06T07:08:09+00:00",
            "run_id": "first",
            "start_date": "2024-05-06T08:00:00.000250+00:00",
            "state": "running",
        },
        {
            "dag_id": "etl",
            "dag_run_url": "/airflow/dags/etl/graph?execution_date=2024-05-06+07%3A08%3A09.500000%2B00%3A00",
            "execution_date": "2024-05-06T07:08:09.500000+00:00",
            "run_id": "second",
            "start_date": "",
            "state": "queued",
        },
    ]
    assert all(isinstance(found, int) and found < 2**53 for found in ids)


def test_without_a_base_url_the_page_of_a_run_is_at_the_root(engine: Engine, settings: Settings) -> None:
    plain = replace(settings, base_url="")
    with bootstrap.use(engine=engine, settings=plain):
        api = InProcessApi(plain)
        api.post(RUNS, {"execution_date": DATE})
        assert api.get(RUNS).body[0]["dag_run_url"].startswith("/dags/etl/graph?")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1),
        ("?state=", 1),
        ("?state=queued", 1),
        ("?state=QueuED", 1),
        ("?State=success", 1),
        ("?state=queued&state=success", 1),
        ("?state=success", 0),
        ("?state=running", 0),
        ("?state=failed", 0),
    ],
)
def test_runs_can_be_asked_for_by_state(api: InProcessApi, query: str, found: int) -> None:
    api.post(RUNS, {"execution_date": DATE})
    assert len(api.get(RUNS + query).body) == found


@pytest.mark.parametrize("state", ["bogus", "skipped", "%20queued", "%00", "x" * 3000])
def test_a_state_that_runs_do_not_have_is_refused_and_told_which_there_are(
    api: InProcessApi, state: str
) -> None:
    answer = api.get(f"{RUNS}?state={state}")
    assert answer.status == 400
    assert "queued, running, success, failed" in answer.body["error"]


def test_the_list_of_an_unknown_dag_is_a_bad_request_unlike_everywhere_else(api: InProcessApi) -> None:
    unknown = {"error": "Dag id none not found in DagModel"}
    answers = [
        api.get(f"/dags/none/{rest}") for rest in ("dag_runs", f"dag_runs/{DATE}", "paused", "tasks/x")
    ]
    assert [answer.status for answer in answers] == [400, 404, 404, 404]
    assert all(answer.body == unknown for answer in answers)


def test_a_run_is_found_by_its_instant_in_any_offset(api: InProcessApi) -> None:
    api.post(RUNS, {"execution_date": DATE})
    for form in (DATE, f"{DATE}Z", f"{DATE}+00:00", f"{DATE}%2B00:00", "2024-05-06%2009%3A08%3A09%2B02%3A00"):
        assert api.get(f"{RUNS}/{form}").body == {"state": "queued"}, form


def test_a_task_that_the_run_has_not_is_not_found_in_it(api: InProcessApi, engine: Engine) -> None:
    with DAG(dag_id="ended", schedule=None) as dag:
        EmptyOperator(task_id="old", end_date=MOMENT - timedelta(days=1))
    deploy(engine, serialize(dag, "ended.py"))
    api.post("/dags/ended/dag_runs", {"execution_date": DATE})
    answer = api.get(f"/dags/ended/dag_runs/{DATE}/tasks/old")
    assert answer.status == 404
    assert answer.body == {"error": "Task old instance for date 2024-05-06 07:08:09+00:00 not found"}
    assert api.get("/dags/ended/tasks/old").status == 200


def test_a_missing_run_is_told_with_the_date_as_it_was_sent(api: InProcessApi) -> None:
    answer = api.get(f"{RUNS}/{DATE}.5%2B02:00")
    assert (answer.status, answer.body) == (
        404,
        {"error": "Dag Run for date 2024-05-06 07:08:09.500000+02:00 not found in dag etl"},
    )


def test_a_task_instance_that_nothing_touched_has_no_state(api: InProcessApi, engine: Engine) -> None:
    api.post(RUNS, {"execution_date": DATE, "run_id": "mine"})
    run = engine.store.dag_runs.get("etl", MOMENT)
    assert run is not None
    answer = api.get(f"{RUNS}/{DATE}/tasks/load")
    expected = {
        "dag_id": "etl",
        "dag_run": f"<DagRun etl @ 2024-05-06 07:08:09+00:00: mine, state:queued, "
        f"queued_at: {run.queued_at}. externally triggered: True>",
        "duration": "None",
        "end_date": "None",
        "execution_date": "2024-05-06 07:08:09+00:00",
        "executor_config": "{}",
        "job_id": "None",
        "map_index": "-1",
        "max_tries": "2",
        "operator": "EmptyOperator",
        "run_id": "mine",
        "state": "None",
        "task_id": "load",
        "test_mode": "False",
        "try_number": "0",
        "updated_at": str(run.queued_at),
    }
    assert answer.body | expected == answer.body
    assert all(isinstance(value, str) for value in answer.body.values())


def test_a_task_instance_shows_its_last_try(api: InProcessApi, engine: Engine) -> None:
    api.post(RUNS, {"execution_date": DATE})
    run = engine.store.dag_runs.get("etl", MOMENT)
    assert run is not None
    engine.store.task_instances.transition(
        run.run_uid,
        task_key("load"),
        Expected(states=frozenset({None})),
        {
            "state": TaskInstanceState.RUNNING,
            "try_number": 1,
            "max_tries": 7,
            "start_date": LATER,
            "duration": 1.5,
            "pid": 42,
            "hostname": "h",
        },
    )
    answer = api.get(f"{RUNS}/{DATE}/tasks/load")
    expected = {
        "duration": "1.5",
        "hostname": "h",
        "max_tries": "7",
        "pid": "42",
        "start_date": "2024-05-06 08:00:00.000250+00:00",
        "state": "running",
        "try_number": "1",
    }
    assert answer.body | expected == answer.body


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/dags/none/dag_runs/bad/tasks/none", "Given execution date, bad,"),
        (f"/dags/none/dag_runs/{DATE}/tasks/none", "Dag id none not found in DagModel"),
        (f"{RUNS}/{DATE}/tasks/none", "Task none not found in dag etl"),
        (f"{RUNS}/{DATE}/tasks/load", "Dag Run for date 2024-05-06 07:08:09+00:00 not found in dag etl"),
    ],
)
def test_what_is_missing_is_looked_for_in_airflows_order(api: InProcessApi, path: str, told: str) -> None:
    assert told in api.get(path).body["error"]


def test_a_task_shows_its_attributes_as_texts(api: InProcessApi) -> None:
    answer = api.get("/dags/etl/tasks/load")
    expected = {"retries": "2", "email": "None", "trigger_rule": "all_success"}
    assert answer.body | expected == answer.body


@pytest.mark.parametrize(
    ("word", "paused"), [("true", True), ("false", False), ("True", False), ("x", False)]
)
def test_only_the_word_true_pauses(api: InProcessApi, word: str, paused: bool) -> None:
    assert api.get(f"/dags/etl/paused/{word}").body == {"response": "ok"}
    assert api.get("/dags/etl/paused").body == {"is_paused": paused}


def test_who_paused_is_noted(api: InProcessApi, engine: Engine) -> None:
    api.get("/dags/etl/paused/true")
    dag = engine.store.dags.get("etl")
    assert dag is not None
    assert dag.pause_changed_by == "api"
