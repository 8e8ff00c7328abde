"""The first and the last frame of a try say what they were made of, and what is no end is refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.graph.callbacks import CallbackKind, CallbackRequest, EndedInstance
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.user_code.jobs import BadOutcome, Job, outcome_frame, outcome_of_frame
from tests.scripted.tries import request

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def through_json(header: dict[str, Any], text: str) -> Job:
    return Job.of_frame(json.loads(json.dumps(header)), text)


def test_a_try_with_its_conf() -> None:
    job = Job(
        request=request(conf={"a": [1]}, first_poke_at=NOON, pokes=3), scratch="/s", has_virtual_clock=True
    )
    header, text = job.frame()
    assert json.loads(text) == {"a": [1]}
    assert "a" not in json.dumps(header["request"].get("conf", {}))
    assert through_json(header, text) == job


def test_callbacks_with_the_conf_of_their_run_once() -> None:
    def ended(task_id: str, state: TaskInstanceState | None) -> EndedInstance:
        asked = request(task_id=task_id, conf={"large": "x" * 1000})
        return EndedInstance(request=asked, state=state, start_date=NOON, end_date=None, duration=None)

    states = (*[None] * 20, TaskInstanceState.FAILED)
    instances = tuple(ended(str(number), state) for number, state in enumerate(states))
    job = Job(
        request=CallbackRequest(
            dag_id="tried",
            fileloc="tried.py",
            kind=CallbackKind.FAILURE,
            of_dag=True,
            reason="task_failure",
            run_state=DagRunState.FAILED,
            run_end_date=NOON,
            instances=instances,
        ),
        scratch="/s",
    )
    header, text = job.frame()
    assert (json.dumps(header) + text).count("x" * 1000) == 1
    assert through_json(header, text) == job


def test_an_outcome_comes_back_as_it_was_told() -> None:
    outcome = TryOutcome(
        result=TryResult.RESCHEDULED,
        skip=frozenset({"a"}),
        inlets=("airflow.lineage.entities.File@version=0(url=s3://a/b,type_hint=None)", "{'a': 1}"),
        reschedule_date=NOON,
        pokes=2,
        keeps_slots=True,
    )
    assert outcome_of_frame(json.loads(json.dumps(outcome_frame(outcome)))) == outcome


def test_a_reason_is_cut() -> None:
    outcome = TryOutcome(result=TryResult.FAILED, reason="x" * 10_000)
    assert outcome_of_frame(outcome_frame(outcome)).reason == "x" * 500


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"outcome": None},
        {"outcome": {"result": "glorious"}},
        {"outcome": {"result": "success", "skip": "all"}},
        {"outcome": {"result": "success", "skip": [1]}},
        {"outcome": {"result": "success", "inlets": [1]}},
        {"outcome": {"result": "success", "reason": 1}},
        {"outcome": {"result": "rescheduled"}},
        {"outcome": {"result": "rescheduled", "reschedule_date": "2026-01-01T00:00:00"}},
        {"outcome": {"result": "success", "pokes": -1}},
    ],
    ids=str,
)
def test_what_is_no_outcome_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(BadOutcome):
        outcome_of_frame(told)
