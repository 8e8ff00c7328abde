from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.params import Param
from chalicelib.domain.messages import StartRun
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.asking import Answer
from tests.scripted.clock import MovedClock
from tests.scripted.contract_dags import deploy
from tests.scripted.engines import take_sent
from tests.scripted.in_process_api import InProcessApi

RUNS = "/dags/etl/dag_runs"
DATE = "2024-05-06T07:08:09"
MOMENT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
CONF_REFUSED = "Dag Run conf must be a dictionary object, other types are not supported"


def _conf(engine: Engine, moment: datetime) -> str:
    run = engine.store.dag_runs.get("etl", moment)
    assert run is not None
    return engine.store.payloads.read(run.conf)


def test_a_trigger_creates_a_queued_run_and_sends_its_first_message(
    api: InProcessApi, engine: Engine
) -> None:
    answer = api.post(RUNS, {"execution_date": f"{DATE}+02:00", "run_id": "mine"})
    run = engine.store.dag_runs.get("etl", datetime.fromisoformat(f"{DATE}+02:00"))
    assert run is not None
    assert answer == Answer(
        status=200,
        headers=answer.headers,
        body={
            "execution_date": "2024-05-06T07:08:09+02:00",
            "message": f"Created <DagRun etl @ 2024-05-06 07:08:09+02:00: mine, state:queued, "
            f"queued_at: {run.queued_at}. externally triggered: True>",
            "run_id": "mine",
        },
    )
    assert run.execution_date == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert run.triggered_by == "api"
    assert [outgoing.message for outgoing in take_sent(engine)] == [StartRun(run=run.ref)]


@pytest.mark.parametrize("nothing", [{}, {"run_id": None}, {"run_id": ""}, {"run_id": 0}, {"run_id": []}])
def test_without_a_run_id_one_is_made_of_the_date_as_it_was_sent(
    api: InProcessApi, nothing: dict[str, Any]
) -> None:
    answer = api.post(RUNS, {"execution_date": f"{DATE}+02:00", **nothing})
    assert answer.body["run_id"] == "manual__2024-05-06T07:08:09+02:00"


@pytest.mark.parametrize(
    ("fields", "microseconds"),
    [
        ({}, ""),
        ({"execution_date": None}, ""),
        ({"execution_date": f"{DATE}.5"}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": None}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": False}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": "no"}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": " true "}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": ""}, ".500000"),
        ({"execution_date": f"{DATE}.5", "replace_microseconds": True}, ""),
        *(
            ({"execution_date": f"{DATE}.5", "replace_microseconds": yes}, "")
            for yes in ["1", "t", "TRUE", "y", "Yes", "oN"]
        ),
        ({"replace_microseconds": True}, ""),
        ({"replace_microseconds": False}, ".890124"),
        ({"replace_microseconds": None}, ".890124"),
    ],
)
def test_microseconds_of_now_are_cut_and_those_of_a_given_date_kept_unless_told_otherwise(
    api: InProcessApi, fields: dict[str, Any], microseconds: str
) -> None:
    answer = api.post(RUNS, fields)
    moment = DATE if fields.get("execution_date") else "2026-03-04T05:06:07"
    assert answer.body["execution_date"] == f"{moment}{microseconds}+00:00"


@pytest.mark.parametrize(
    ("fields", "is_undated"),
    [({}, True), ({"execution_date": None}, True), ({"execution_date": DATE}, False)],
)
def test_whether_a_date_was_sent_is_kept(
    api: InProcessApi, engine: Engine, fields: dict[str, Any], is_undated: bool
) -> None:
    answer = api.post(RUNS, fields)
    run = engine.store.dag_runs.get("etl", datetime.fromisoformat(answer.body["execution_date"]))
    assert run is not None
    assert run.is_undated is is_undated


@pytest.mark.parametrize(
    ("conf", "kept"),
    [
        (None, "{}"),
        ({}, "{}"),
        ("{}", "{}"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ('{"a": [1, null]}', '{"a": [1, null]}'),
        ({"a": "\ud800"}, '{"a": "\\ud800"}'),
    ],
)
def test_conf_is_an_object_or_its_text_or_nothing(
    api: InProcessApi, engine: Engine, conf: Any, kept: str
) -> None:
    assert api.post(RUNS, {"execution_date": DATE, "conf": conf}).status == 200
    assert _conf(engine, MOMENT) == kept


def test_a_conf_of_megabytes_is_kept(api: InProcessApi, engine: Engine) -> None:
    assert api.post(RUNS, {"execution_date": DATE, "conf": {"a": "x" * 1_000_000}}).status == 200
    assert len(_conf(engine, MOMENT)) > 1_000_000


@pytest.mark.parametrize("conf", ["", "abc", "[1]", "null", "{", [1], 0, 1, 1.5, True, False, "[" * 100_000])
def test_any_other_conf_is_refused(api: InProcessApi, engine: Engine, conf: Any) -> None:
    answer = api.post(RUNS, {"execution_date": DATE, "conf": conf})
    assert (answer.status, answer.body) == (400, {"error": CONF_REFUSED})
    assert engine.store.dag_runs.get("etl", MOMENT) is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"execution_date": 5}, "Given execution date, 5,"),
        ({"execution_date": False}, "Given execution date, false,"),
        ({"execution_date": [DATE]}, "Given execution date, ["),
        ({"execution_date": "P1D"}, "Given execution date, P1D,"),
        ({"execution_date": "0001-01-01T00:00:00+01:00"}, "Given execution date, 0001"),
        ({"replace_microseconds": 1}, "replace_microseconds"),
        ({"replace_microseconds": {}}, "replace_microseconds"),
        ({"run_id": 5}, "run_id"),
        ({"run_id": True}, "run_id"),
        ({"run_id": ["a"]}, "run_id"),
        ({"run_id": "x" * 251}, "run ID"),
        ({"run_id": "a b"}, "The provided run ID 'a b' is invalid."),
        ({"run_id": "a\n"}, "The provided run ID"),
        ({"run_id": "a\0"}, "The provided run ID"),
        ({"run_id": "\ud800"}, "The provided run ID"),
    ],
)
def test_what_cannot_be_taken_is_named(api: InProcessApi, fields: dict[str, Any], told: str) -> None:
    answer = api.post(RUNS, {"execution_date": DATE, **fields})
    assert answer.status == 400
    assert told in answer.body["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope{",
        b"run_id=a",
        b"null",
        b"5",
        b"true",
        b"[]",
        b'"conf"',
        b"\xff\xfe\xfd",
        b'{"run_id": "\xff"}',
        b"[" * 200_000,
        b'{"conf": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b'{"execution_date": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused_before_the_dag_is_looked_for(
    api: InProcessApi, body: bytes
) -> None:
    answer = api.post("/dags/no_such_dag/dag_runs", body)
    assert answer.status == 400
    assert answer.body["error"]


def test_a_date_is_refused_before_the_dag_is_looked_for(api: InProcessApi) -> None:
    assert api.post("/dags/none/dag_runs", {"execution_date": "bad"}).status == 400
    assert api.post("/dags/none/dag_runs", {}).body == {"error": "Dag id none not found in DagModel"}


def test_fields_that_nobody_knows_are_ignored(api: InProcessApi) -> None:
    assert api.post(RUNS, {"colour": "red"}).status == 200


def test_two_plain_triggers_in_one_second_are_one_run(api: InProcessApi, clock: MovedClock) -> None:
    clock.wait_for_new_second()
    assert api.post(RUNS, {}).status == 200
    again = api.post(RUNS, {"run_id": "other"})
    clock.sleep(1)
    later = api.post(RUNS, {})
    assert (again.status, later.status) == (400, 200)
    assert again.body == {
        "error": "A DAG Run already exists for DAG etl at 2026-03-04 05:06:08+00:00 with run id other"
    }


def test_a_used_run_id_is_a_duplicate_at_any_date(api: InProcessApi) -> None:
    api.post(RUNS, {"execution_date": DATE, "run_id": "a"})
    answer = api.post(RUNS, {"execution_date": f"{DATE}.5+02:00", "run_id": "a"})
    assert answer.body == {
        "error": "A DAG Run already exists for DAG etl at 2024-05-06 07:08:09.500000+02:00 with run id a"
    }


def test_a_date_before_the_default_start_date_is_refused(api: InProcessApi) -> None:
    answer = api.post("/dags/dated/dag_runs", {"execution_date": "2023-12-31"})
    assert answer.status == 400
    assert "2024-01-01T00:00:00+00:00" in answer.body["error"]


def test_the_principal_that_the_authorizer_vouched_for_is_noted(engine: Engine, settings: Settings) -> None:
    """With a backend that knows names; those come later, so the request is made as API Gateway would."""
    from chalicelib.api.experimental.dag_runs import trigger
    from chalicelib.api.http.request_and_reply import Request

    with bootstrap.use(engine=engine, settings=settings):
        trigger(Request(path={"dag_id": "etl"}, query={}, body=b"{}", principal="ada"))
    (run,) = engine.store.dag_runs.list("etl")
    assert run.triggered_by == "ada"


def test_a_run_id_that_may_not_be_at_a_date_that_is_taken_is_a_duplicate(api: InProcessApi) -> None:
    api.post(RUNS, {"execution_date": DATE, "run_id": "first"})
    for run_id in ("a b", "x" * 251):
        answer = api.post(RUNS, {"execution_date": DATE, "run_id": run_id})
        assert (answer.status, answer.body) == (
            400,
            {"error": f"A DAG Run already exists for DAG etl at {MOMENT} with run id {run_id}"},
        )


def test_a_run_id_that_is_too_long_and_has_a_blank_is_refused_for_its_blank(api: InProcessApi) -> None:
    answer = api.post(RUNS, {"execution_date": DATE, "run_id": "a b" * 100})
    assert answer.status == 400
    assert answer.body["error"].startswith(f"The provided run ID '{'a b' * 100}' is invalid.")


def test_a_run_id_of_any_length_is_not_matched_against_the_operators_pattern(
    engine: Engine, settings: Settings
) -> None:
    """Which may be one that takes for ever; this one would be said not to fit."""
    strict = replace(engine, allowed_run_id_pattern="b+")
    with bootstrap.use(engine=strict, settings=settings):
        answer = InProcessApi(settings).post(RUNS, {"run_id": "a" * 100_000})
    assert (answer.status, answer.body) == (
        400,
        {"error": "The run ID is 100000 characters long; at most 250 fit"},
    )


def test_a_conf_that_the_params_refuse_is_answered_by_400_in_airflows_words(
    api: InProcessApi, engine: Engine
) -> None:
    with DAG("wants", schedule=None, params={"n": Param(1, type="integer", maximum=9)}) as dag:
        pass
    deploy(engine, serialize(dag, "wants.py"))
    answer = api.post("/dags/wants/dag_runs", {"conf": {"n": 10}})
    assert (answer.status, answer.body) == (
        400,
        {
            "error": "Invalid input for param n: 10 is greater than the maximum of 9\n\n"
            "Failed validating 'maximum' in schema:\n    {'type': 'integer', 'maximum': 9}\n\n"
            "On instance:\n    10"
        },
    )
    assert api.get("/dags/wants/dag_runs").body == []
    assert api.post("/dags/wants/dag_runs", {"conf": {"n": 9}}).status == 200
