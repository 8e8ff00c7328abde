"""The next step of a task instance: total, and as the tables say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from chalicelib.domain.graph.graph import Task
from chalicelib.domain.graph.trigger_rules import Arrived, Judgement, TriggerRule, Verdict, judge
from chalicelib.domain.plans.steps import (
    End,
    Ignore,
    Later,
    Redo,
    Send,
    Start,
    Wait,
    WorkerGone,
    asks_for_past,
    open_step,
    poke_step,
    refused_claim_step,
    retry_step,
)
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import asleep_token
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import VOID
from tests.scripted.dags import ScriptedDag, Shape

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG_AGO = NOON - timedelta(hours=1)

SUCCESS, FAILED, QUEUED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.QUEUED
RUNNING, SCHEDULED = TaskInstanceState.RUNNING, TaskInstanceState.SCHEDULED
UP_FOR_RETRY = TaskInstanceState.UP_FOR_RETRY
UP_FOR_RESCHEDULE = TaskInstanceState.UP_FOR_RESCHEDULE

GRAPH = ScriptedDag([Shape("up"), Shape("task", ("up",)), Shape("past", ("up",), depends_on_past=True)]).graph
TASK, DEPENDS_ON_PAST = GRAPH.tasks["task"], GRAPH.tasks["past"]

ALL_ENDED_WELL = Arrived(seen=frozenset({SUCCESS}), complete=True)
ONE_FAILED = Arrived(seen=frozenset({FAILED}), complete=True)
NOT_YET = Arrived(seen=frozenset(), complete=False)


def item(state: TaskInstanceState | None = None, **fields: object) -> TaskInstance:
    untouched = TaskInstance(run_uid="run", task_id="task", state=state, updated_at=LONG_AGO)
    return replace(untouched, **fields)  # type: ignore[arg-type]  # fields of the case


@pytest.mark.parametrize(
    ("task", "instance", "known", "waits_for_past", "kind"),
    [
        (TASK, item(), NOT_YET, False, Wait),
        (TASK, item(), ALL_ENDED_WELL, False, Start),
        (TASK, item(), ONE_FAILED, False, End),
        (TASK, item(), replace(ALL_ENDED_WELL, skip_ordered=True), False, End),
        (DEPENDS_ON_PAST, item(), ALL_ENDED_WELL, True, Wait),
        (DEPENDS_ON_PAST, item(), ONE_FAILED, False, End),
        (replace(TASK, is_empty=True), item(), ALL_ENDED_WELL, False, End),
    ],
)
def test_an_untouched_task_instance_waits_starts_or_ends(
    task: Task, instance: TaskInstance, known: Arrived, waits_for_past: bool, kind: type
) -> None:
    assert isinstance(open_step(task, instance, known, waits_for_past=waits_for_past), kind)


def test_a_start_says_which_try_and_whether_slots_may_be_left() -> None:
    def start(instance: TaskInstance) -> tuple[int, bool]:
        step = open_step(TASK, instance, ALL_ENDED_WELL, waits_for_past=False)
        assert isinstance(step, Start)
        return step.try_number, step.is_fresh

    assert start(item()) == (1, True)
    assert start(item(try_number=2, clears=1)) == (3, False)
    assert start(item(notes={VOID: frozenset({0})})) == (1, False)


def test_the_previous_run_is_read_only_where_it_can_make_a_difference() -> None:
    to_run, to_skip = (Judgement(verdict=verdict, reason="") for verdict in (Verdict.RUN, Verdict.SKIP))
    assert asks_for_past(DEPENDS_ON_PAST, to_run)
    assert not asks_for_past(TASK, to_run)
    assert not asks_for_past(DEPENDS_ON_PAST, to_skip)
    waits = replace(DEPENDS_ON_PAST, wait_for_past_depends_before_skipping=True)
    assert asks_for_past(waits, to_skip)
    assert not asks_for_past(waits, to_skip, skip_ordered=True)
    for verdict in (Verdict.WAIT, Verdict.UPSTREAM_FAILED):
        assert not asks_for_past(waits, Judgement(verdict=verdict, reason=""))


def test_an_untouched_task_instance_has_a_step_whatever_is_known_of_its_upstreams() -> None:
    flags = [False, True]
    states = [frozenset[TaskInstanceState](), *(frozenset({state}) for state in TaskInstanceState)]
    for rule, seen, complete, ordered, waits in product(TriggerRule, states, flags, flags, flags):
        known = Arrived(seen=seen, complete=complete, skip_ordered=ordered)
        task = replace(DEPENDS_ON_PAST, trigger_rule=rule)
        judgement = judge(rule, known)
        waits_for_past = waits and asks_for_past(task, judgement)
        step = open_step(task, item(), known, waits_for_past=waits_for_past)
        verdict = judgement.verdict
        expected = {Verdict.WAIT: Wait, Verdict.RUN: Wait if waits else Start}.get(verdict, End)
        assert isinstance(step, expected)
        assert step.judgement.reason if isinstance(step, End) else step.reason


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (item(UP_FOR_RETRY, try_number=1, retry_at=NOON), Start),
        (item(UP_FOR_RETRY, try_number=1), Start),
        (item(UP_FOR_RETRY, try_number=1, retry_at=NOON + SECOND / 2), Later),
        (item(UP_FOR_RETRY, try_number=2, retry_at=NOON), Ignore),
        (item(QUEUED, try_number=2), Send),
        (item(QUEUED, try_number=1), Ignore),
        (item(RUNNING, try_number=2), Ignore),
        (item(SUCCESS, try_number=2), Ignore),
        (item(), Ignore),
    ],
)
def test_the_message_of_a_retry(instance: TaskInstance, expected: type) -> None:
    step = retry_step(instance, 1, NOON)
    assert isinstance(step, expected)
    assert not isinstance(step, Start) or step.try_number == 2
    assert not isinstance(step, Later) or step.seconds == 1


ASLEEP = item(RUNNING, try_number=1, pokes=2, lease_token=asleep_token(2), reschedule_date=NOON)
RESTING = item(UP_FOR_RESCHEDULE, try_number=1, pokes=2, reschedule_date=NOON)


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (RESTING, Start(try_number=1, reason="the time of the next poke has come")),
        (replace(RESTING, reschedule_date=NOON + SECOND), Later),
        (replace(RESTING, pokes=3), Ignore),
        (replace(RESTING, try_number=2), Ignore),
        (ASLEEP, Later),
        (replace(ASLEEP, lease_token="a worker"), Ignore),
        (item(QUEUED, try_number=1, pokes=2), Send),
        (item(QUEUED, try_number=1, pokes=2, updated_at=NOON - SECOND), Ignore),
        (item(SUCCESS, try_number=1, pokes=2), Ignore),
    ],
)
def test_the_message_of_a_poke(instance: TaskInstance, expected: object) -> None:
    step = poke_step(instance, 1, 2, NOON)
    assert isinstance(step, expected) if isinstance(expected, type) else step == expected


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (item(RUNNING, try_number=1, lease_token="w", lease_until=NOON + SECOND), Ignore),
        (item(RUNNING, try_number=1, lease_token="w", lease_until=NOON), WorkerGone),
        (item(RUNNING, try_number=2, lease_token="w", lease_until=NOON), Ignore),
        (item(SUCCESS, try_number=1, lease_token="w"), Redo),
        (item(SUCCESS, try_number=1), Ignore),
        (item(UP_FOR_RETRY, try_number=1, lease_token="w"), Redo),
        (item(SCHEDULED, try_number=1), Ignore),
        (ASLEEP, Redo),
        (replace(ASLEEP, updated_at=NOON - SECOND), Ignore),
        (RESTING, Redo),
        (item(None, try_number=1), Ignore),
    ],
)
def test_a_claim_that_is_refused(instance: TaskInstance, expected: type) -> None:
    assert isinstance(refused_claim_step(instance, 1, NOON), expected)


def test_every_message_has_a_step_whatever_stands() -> None:
    moments = [None, LONG_AGO, NOON, NOON + SECOND]
    tokens = [None, "worker", asleep_token(1)]
    states = [None, *TaskInstanceState]
    for state, number, pokes, moment, token in product(states, [0, 1, 2], [0, 1], moments, tokens):
        standing = item(
            state,
            try_number=number,
            pokes=pokes,
            lease_token=token,
            **dict.fromkeys(("lease_until", "retry_at", "reschedule_date", "updated_at"), moment),
        )
        for step in (
            retry_step(standing, 1, NOON),
            poke_step(standing, 1, 1, NOON),
            refused_claim_step(standing, 1, NOON),
        ):
            assert step.reason
