"""Windows of triggers: what each asks for again, what is over, and how a window ends."""

import asyncio
import sys
import types
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.clock import living_by
from chalicelib.authoring.running.windows import PAUSE, run_window
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.authoring.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from chalicelib.domain.runs.deferrals import TriggerRequest, WindowOutcome, WindowRequest, WindowResult

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODULE = "triggers_of_a_test"
calls: list[Any] = []


class _Standing:
    """A clock that stands still at a moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a window does not wait")


class SleepsFirst(BaseTrigger):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.seconds)
        yield TriggerEvent({"slept": self.seconds})


class Polls(BaseTrigger):
    """Looks each 90 s, and counts nothing."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            calls.append("look")
            if len(calls) > 1000:
                yield TriggerEvent(None)
            await asyncio.sleep(90)


class Counts(BaseTrigger):
    """Gives up after so many attempts."""

    def __init__(self, attempts: int, in_object: bool = False) -> None:
        super().__init__()
        self.attempts, self.in_object, self.done = attempts, in_object, 0

    async def run(self) -> AsyncIterator[TriggerEvent]:
        if self.in_object:
            while self.done < self.attempts:
                calls.append(self.done)
                self.done += 1
                await asyncio.sleep(90)
        else:
            for attempt in range(self.attempts):
                calls.append(attempt)
                await asyncio.sleep(90)
        yield TriggerEvent("gave up")


class TwoSleeps(BaseTrigger):
    """A round of two sleeps of 30 and 60 s."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while len(calls) < 10_000:
            calls.append("a")
            await asyncio.sleep(30)
            calls.append("b")
            await asyncio.sleep(60)
        yield TriggerEvent(None)


class Seconds(BaseTrigger):
    """Counts the seconds of years."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for number in range(10**9):
            calls.append(number)
            await asyncio.sleep(10)
        yield TriggerEvent(None)


class Remembers(BaseTrigger):
    """Keeps something of each round."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        kept: list[str] = []
        while len(kept) < 10**9:
            calls.append("look")
            kept.append("look")
            await asyncio.sleep(10)
        yield TriggerEvent(None)


class Raises(BaseTrigger):
    async def run(self) -> AsyncIterator[TriggerEvent]:
        if not calls:
            raise ValueError("the trigger says no")
        yield TriggerEvent(None)


class Silent(BaseTrigger):
    async def run(self) -> AsyncIterator[TriggerEvent]:
        if calls:
            yield TriggerEvent(None)


class Ends(BaseTrigger):
    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TaskSuccessEvent(xcoms={"key": [1, 2]})


class Cancelled(BaseTrigger):
    """Cancels its job where it is cancelled."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            calls.append("cancelled")
            raise
        yield TriggerEvent(None)

    async def cleanup(self) -> None:
        calls.append("cleaned up")


class Together(BaseTrigger):
    """Two tasks of its own that sleep, the shorter first."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.gather(asyncio.sleep(40), asyncio.sleep(100))
        yield TriggerEvent("both")


@pytest.fixture(autouse=True)
def _triggers() -> Iterator[None]:
    module = types.ModuleType(MODULE)
    vars(module).update({kind.__name__: kind for kind in BaseTrigger.__subclasses__()})
    sys.modules[MODULE] = module
    calls.clear()
    yield
    del sys.modules[MODULE]


def window(passed: float, kind: type[BaseTrigger], **kwargs: Any) -> WindowOutcome:
    """What a window comes to that begins so many seconds after the deferral."""
    return windows(passed, request(kind, **kwargs))[0]


def request(kind: type[BaseTrigger], **kwargs: Any) -> TriggerRequest:
    return TriggerRequest(
        dag_id="d",
        run_id="r",
        task_id="t",
        map_index=-1,
        try_number=1,
        trigger_id=7,
        classpath=f"{MODULE}.{kind.__name__}",
        kwargs=to_json(kwargs),
        created_at=NOON,
    )


def windows(passed: float, *triggers: TriggerRequest) -> tuple[WindowOutcome, ...]:
    ends: dict[int, WindowOutcome] = {}
    with living_by(_Standing(NOON + timedelta(seconds=passed))):
        run_window(WindowRequest(fileloc="d.py", triggers=triggers), Path("/nowhere"), ends.__setitem__)
    asyncio.get_event_loop().close()  # here the process goes on
    assert len(ends) == len(triggers)
    return tuple(ends[index] for index in range(len(triggers)))


def due(outcome: WindowOutcome) -> float:
    assert outcome.result is WindowResult.WAITS
    assert outcome.due_at is not None
    return (outcome.due_at - NOON).total_seconds()


def test_a_sleep_ends_when_it_would_have_and_is_not_begun_again() -> None:
    assert due(window(0, SleepsFirst, seconds=600)) == 600
    assert due(window(300, SleepsFirst, seconds=600)) == 600
    fired = window(600, SleepsFirst, seconds=600)
    assert fired.result is WindowResult.FIRED
    assert from_json(fired.event or "") == {"slept": 600}


@pytest.mark.parametrize("rounds", [0, 1, 2, 50, 5000])
def test_a_loop_that_counts_nothing_calls_three_times_at_most_however_late_its_window_is(rounds: int) -> None:
    assert due(window(rounds * 90 + 0.5, Polls)) == (rounds + 1) * 90
    assert len(calls) == min(rounds + 1, 3)


def test_a_round_of_several_sleeps_is_left_out_as_a_whole() -> None:
    assert due(window(90 * 1000 + 31, TwoSleeps)) == 90 * 1001
    assert len(calls) < 8
    calls.clear()
    assert due(window(90 * 1000 + 1, TwoSleeps)) == 90 * 1000 + 30


@pytest.mark.parametrize("in_object", [False, True])
def test_attempts_are_counted_by_the_time_since_the_deferral(in_object: bool) -> None:
    assert due(window(91, Counts, attempts=5, in_object=in_object)) == 180
    assert calls == [0, 1]
    assert due(window(361, Counts, attempts=5, in_object=in_object)) == 450
    fired = window(450, Counts, attempts=5, in_object=in_object)
    assert from_json(fired.event or "") == "gave up"


def test_rounds_of_a_loop_that_counts_are_added_rather_than_run() -> None:
    assert due(window(10 * 5000 + 1, Seconds)) == 10 * 5001
    assert calls == [0, 1, 5000]


def test_repeated_calls_are_bounded() -> None:
    assert due(window(10 * 5000 + 1, Remembers)) == 10 * 5001
    assert 1000 <= len(calls) <= 1002


def test_a_window_does_not_cancel_and_cleans_up_only_at_the_end() -> None:
    assert due(window(0, Cancelled)) == 600
    assert calls == []
    assert window(600, Cancelled).result is WindowResult.FIRED
    assert calls == ["cleaned up"]


def test_a_trigger_that_raises_is_broken_with_its_traceback() -> None:
    outcome = window(0, Raises)
    assert outcome.result is WindowResult.BROKEN
    assert "ValueError: the trigger says no" in (outcome.traceback or "")
    assert window(0, Silent).result is WindowResult.BROKEN


def test_a_trigger_that_is_not_there_is_broken() -> None:
    missing = windows(0, TriggerRequest(**{**_fields(request(Silent)), "classpath": f"{MODULE}.Gone"}))[0]
    assert missing.result is WindowResult.BROKEN
    assert "Gone" in (missing.traceback or "")


def test_a_trigger_may_end_its_task_with_xcoms() -> None:
    outcome = window(0, Ends)
    assert outcome.result is WindowResult.SUCCESS
    assert [(xcom.key, xcom.value) for xcom in outcome.xcoms] == [("key", "[1,2]")]


def test_triggers_share_a_window_each_by_its_own_time() -> None:
    first, second, third = windows(
        600, request(SleepsFirst, seconds=600), request(SleepsFirst, seconds=601.0), request(Raises)
    )
    assert first.result is WindowResult.FIRED
    assert due(second) == 601
    assert third.result is WindowResult.BROKEN


def test_tasks_that_a_trigger_makes_sleep_by_its_time() -> None:
    assert window(100, Together).result is WindowResult.FIRED


def _fields(request: TriggerRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in TriggerRequest.__dataclass_fields__}


def test_a_trigger_of_airflows_fires_at_its_moment() -> None:
    moment = TriggerRequest(
        **{
            **_fields(request(Silent)),
            "classpath": "airflow.triggers.temporal.DateTimeTrigger",
            "kwargs": to_json({"moment": NOON + timedelta(hours=1)}),
        }
    )
    assert due(windows(0, moment)[0]) == 3600
    assert windows(3600, moment)[0].result is WindowResult.FIRED


def test_what_does_not_sleep_is_asked_again_after_a_pause() -> None:
    assert timedelta(seconds=60) <= PAUSE
