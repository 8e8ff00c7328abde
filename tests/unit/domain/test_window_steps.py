"""What becomes of the message of a window that cannot be taken, by what stands instead."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.plans.steps import Ignore, Redo, Send, Start, WindowLost, window_step
from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import deferred_token
from chalicelib.domain.tasks.task_instances import TaskInstance
from tests.scripted.examples import HOUR, NOON

WAITS = Deferral(
    trigger_id=7,
    window=3,
    classpath="triggers.Wait",
    kwargs="{}",
    method_name="resume",
    method_kwargs="{}",
    created_at=NOON,
    began_at=NOON,
    due_at=NOON,
)
BETWEEN = TaskInstance(
    run_uid="run",
    task_id="wait",
    state=TaskInstanceState.DEFERRED,
    try_number=2,
    deferral=WAITS,
    lease_token=deferred_token(3),
    updated_at=NOON,
)
AT_WORK = replace(BETWEEN, lease_token="invocation", lease_until=NOON + HOUR)
FIRED = replace(
    BETWEEN, state=TaskInstanceState.SCHEDULED, lease_token=None, deferral=replace(WAITS, event="1")
)
QUEUED = replace(FIRED, state=TaskInstanceState.QUEUED)
ENDED = replace(AT_WORK, state=TaskInstanceState.SUCCESS, deferral=None)
LATER, SOON = NOON + timedelta(minutes=1), NOON + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("item", "window", "now", "step"),
    [
        (BETWEEN, 2, LATER, Send),
        (BETWEEN, 2, SOON, Ignore),
        (BETWEEN, 1, LATER, Ignore),
        (AT_WORK, 3, LATER, Ignore),
        (AT_WORK, 3, NOON + HOUR, WindowLost),
        (AT_WORK, 2, NOON + HOUR, Ignore),
        (FIRED, 3, LATER, Start),
        (FIRED, 3, SOON, Ignore),
        (FIRED, 2, LATER, Ignore),
        (QUEUED, 3, LATER, Send),
        (replace(QUEUED, state=TaskInstanceState.RUNNING), 3, LATER, Ignore),
        (ENDED, 3, LATER, Redo),
        (ENDED, 3, SOON, Ignore),
        (replace(ENDED, lease_token=None), 3, LATER, Ignore),
        (replace(BETWEEN, try_number=3), 2, LATER, Ignore),
        (replace(BETWEEN, state=None), 2, LATER, Ignore),
    ],
)
def test_a_window_that_cannot_be_taken(
    item: TaskInstance, window: int, now: datetime, step: type[object]
) -> None:
    assert isinstance(window_step(item, 2, window, now), step)
