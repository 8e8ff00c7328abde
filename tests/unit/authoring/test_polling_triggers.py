"""Triggers of all kinds through their windows: when each fires, and how often it has looked by then."""

import asyncio
import itertools
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.clock import living_by
from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.running.windows import run_window
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.authoring.triggers.base import BaseTrigger, TriggerEvent
from chalicelib.domain.runs.deferrals import TriggerRequest, WindowOutcome, WindowRequest, WindowResult

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODULE = "polling_triggers_of_a_test"
looks: list[float] = []
"""When a trigger has looked, in seconds since noon."""


@dataclass
class _Clock:
    """Stands still in a window."""

    moment: datetime = NOON

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a window does not wait")


clock = _Clock()


def seconds() -> float:
    return (clock.moment - NOON).total_seconds()


def is_there(after: float = float("inf")) -> bool:
    looks.append(seconds())
    return seconds() >= after


Body = Callable[[Any], AsyncIterator[Any]]
KINDS: dict[str, Body] = {}


def trigger(body: Body) -> Body:
    """A trigger whose ``run`` is that function."""
    KINDS[body.__name__] = body
    return body


class Polling(BaseTrigger):
    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__()
        self.name, self.attempt, self.states, self.kwargs = name, 0, ["a", "b", "c"], kwargs

    def run(self) -> AsyncIterator[TriggerEvent]:
        return KINDS[self.name](self)


@trigger
async def sleeps_first(self: Any) -> AsyncIterator[Any]:
    await asyncio.sleep(600)
    yield TriggerEvent("slept")


@trigger
async def sleeps_twice(self: Any) -> AsyncIterator[Any]:
    await asyncio.sleep(600)
    is_there()
    await asyncio.sleep(300)
    yield TriggerEvent("slept")


@trigger
async def polls(self: Any) -> AsyncIterator[Any]:
    while not is_there(after=900):
        await asyncio.sleep(90)
    yield TriggerEvent("there")


@trigger
async def sleeps_before_it_polls(self: Any) -> AsyncIterator[Any]:
    while True:
        await asyncio.sleep(90)
        if is_there(after=900):
            yield TriggerEvent("there")


@trigger
async def counts_locally(self: Any) -> AsyncIterator[Any]:
    attempt = 0
    while attempt < 10:
        if is_there():
            yield TriggerEvent("there")
        attempt += 1
        await asyncio.sleep(90)
    yield TriggerEvent(attempt)


@trigger
async def counts_in_attributes(self: Any) -> AsyncIterator[Any]:
    while self.attempt < 10:
        self.attempt += 1
        is_there()
        await asyncio.sleep(90)
    yield TriggerEvent(self.attempt)


@trigger
async def counts_in_attributes_after_the_sleep(self: Any) -> AsyncIterator[Any]:
    while True:
        if is_there():
            yield TriggerEvent("there")
        await asyncio.sleep(90)
        self.attempt += 1
        if self.attempt >= 10:
            yield TriggerEvent(self.attempt)


@trigger
async def counts_a_range(self: Any) -> AsyncIterator[Any]:
    for _attempt in range(10):
        is_there()
        await asyncio.sleep(90)
    yield TriggerEvent(10)


@trigger
async def counts_an_endless_range(self: Any) -> AsyncIterator[Any]:
    for attempt in itertools.count(1):
        is_there()
        if attempt > 10:
            yield TriggerEvent(attempt)
        await asyncio.sleep(90)


@trigger
async def numbers_a_list(self: Any) -> AsyncIterator[Any]:
    for number, name in enumerate(["a", "b", "c", "d", "e"] * 2):
        is_there()
        await asyncio.sleep(90)
        last = [number, name]
    yield TriggerEvent(last)


@trigger
async def has_time_until_a_moment(self: Any) -> AsyncIterator[Any]:
    while utcnow() < NOON + timedelta(seconds=880):
        is_there()
        await asyncio.sleep(90)
    yield TriggerEvent("late")


@trigger
async def has_time_by_the_loop(self: Any) -> AsyncIterator[Any]:
    loop = asyncio.get_running_loop()
    end = loop.time() + 880
    while loop.time() < end:
        is_there()
        await asyncio.sleep(90)
    yield TriggerEvent("late")


@trigger
async def is_given_time(self: Any) -> AsyncIterator[Any]:
    try:
        async with asyncio.timeout(900):
            while True:
                is_there()
                await asyncio.sleep(90)
    except TimeoutError:
        yield TriggerEvent("late")


async def _look_for_ever() -> None:
    while not is_there():
        await asyncio.sleep(90)


@trigger
async def waits_with_a_limit(self: Any) -> AsyncIterator[Any]:
    try:
        await asyncio.wait_for(_look_for_ever(), timeout=900)
    except TimeoutError:
        yield TriggerEvent("late")


@trigger
async def replaces_its_last_answer(self: Any) -> AsyncIterator[Any]:
    """As the waiters of the amazon provider: each answer differs, and none is read after the sleep."""
    for attempt in range(20):
        if attempt:
            await asyncio.sleep(90)
        try:
            answer = {"is_there": is_there(after=900), "request": f"request {len(looks)}"}
            if not answer["is_there"]:
                raise LookupError(answer["request"])
        except LookupError as error:
            reason = str(error)
            assert reason.startswith("request")
        else:
            break
    yield TriggerEvent("there")


def _close() -> None:
    """As a connection pool's own callback, which closes connections that are not used."""


_close.__module__ = "aiohttp.helpers"


@trigger
async def keeps_a_connection(self: Any) -> AsyncIterator[Any]:
    while not is_there(after=900):
        asyncio.get_running_loop().call_later(12, _close)
        await asyncio.sleep(90)
    yield TriggerEvent("there")


@trigger
async def reads_its_last_answer(self: Any) -> AsyncIterator[Any]:
    answer = ""
    while len(answer) < 10:
        answer += "x"
        await asyncio.sleep(90)
    yield TriggerEvent(answer)


async def _pause(self: Any, seconds: float) -> None:
    await asyncio.sleep(seconds)


@trigger
async def sleeps_in_a_method(self: Any) -> AsyncIterator[Any]:
    while not is_there(after=900):
        await _pause(self, 90)
    yield TriggerEvent("there")


@trigger
async def sleeps_with_a_limit(self: Any) -> AsyncIterator[Any]:
    while not is_there(after=900):
        await asyncio.wait_for(_pause(self, 90), timeout=100)
    yield TriggerEvent("there")


@trigger
async def looks_in_a_thread(self: Any) -> AsyncIterator[Any]:
    while not await asyncio.to_thread(is_there, 900):
        await asyncio.sleep(90)
    yield TriggerEvent("there")


@trigger
async def sleeps_several_times(self: Any) -> AsyncIterator[Any]:
    while not is_there(after=900):
        await asyncio.sleep(30)
        await asyncio.sleep(60)
    yield TriggerEvent("there")


@trigger
async def has_two_loops(self: Any) -> AsyncIterator[Any]:
    for _attempt in range(5):
        is_there()
        await asyncio.sleep(90)
    while not is_there(after=900):
        await asyncio.sleep(45)
    yield TriggerEvent("there")


@trigger
async def sleeps_side_by_side(self: Any) -> AsyncIterator[Any]:
    await asyncio.gather(asyncio.sleep(300), asyncio.sleep(900))
    yield TriggerEvent("both")


@trigger
async def sleeps_longer_and_longer(self: Any) -> AsyncIterator[Any]:
    delay = 10
    while not is_there(after=900):
        await asyncio.sleep(delay)
        delay = min(delay * 2, 160)
    yield TriggerEvent("there")


@trigger
async def goes_through_states(self: Any) -> AsyncIterator[Any]:
    while self.states:
        self.states.pop()
        is_there()
        await asyncio.sleep(300)
    yield TriggerEvent("all")


async def _ticks() -> AsyncIterator[int]:
    for number in range(10):
        yield number
        await asyncio.sleep(90)


@trigger
async def takes_what_another_gives(self: Any) -> AsyncIterator[Any]:
    async for _tick in _ticks():
        is_there()
    yield TriggerEvent("all")


@trigger
async def has_loops_in_a_loop(self: Any) -> AsyncIterator[Any]:
    for outer in range(3):
        for _inner in range(3):
            is_there()
            await asyncio.sleep(60)
        await asyncio.sleep(120)
        last = outer
    yield TriggerEvent(last)


@trigger
async def counts_again(self: Any) -> AsyncIterator[Any]:
    for _again in range(2):
        self.attempt = 0
        while self.attempt < 4:
            self.attempt += 1
            is_there()
            await asyncio.sleep(60)
    yield TriggerEvent(self.attempt)


@trigger
async def counts_and_sleeps(self: Any) -> AsyncIterator[Any]:
    while self.attempt < 4:
        self.attempt += 1
        is_there()
        await asyncio.sleep(60)
    await asyncio.sleep(600)
    yield TriggerEvent("slept")


@trigger
async def waits_for_a_task_of_its_own(self: Any) -> AsyncIterator[Any]:
    await asyncio.gather(_pause(self, 300), asyncio.create_task(_pause(self, 600)))
    yield TriggerEvent("slept")


@dataclass
class Life:
    """The windows of a trigger until it fires."""

    event: Any = None
    fired_at: float = 0.0
    windows: list[float] = field(default_factory=list)


def live(name: str, late: float = 0.0) -> Life:
    """Run windows when they are due, or so many seconds later."""
    life, outcome, rounds = Life(), None, ""
    looks.clear()
    clock.moment = NOON
    while outcome is None or outcome.result is WindowResult.WAITS:
        life.windows.append(seconds())
        assert len(life.windows) < 100
        outcome = one_window(name, rounds)
        rounds = outcome.rounds
        life.fired_at = seconds()
        if outcome.due_at is not None:
            assert outcome.due_at > clock.moment
            clock.moment = outcome.due_at + timedelta(seconds=late)
    assert outcome.result is WindowResult.FIRED, outcome.traceback
    life.event = from_json(outcome.event or "")
    return life


def one_window(name: str, rounds: str) -> WindowOutcome:
    request = TriggerRequest(
        dag_id="d",
        run_id="r",
        task_id="t",
        map_index=-1,
        try_number=1,
        trigger_id=7,
        classpath=f"{MODULE}.Polling",
        kwargs=to_json({"name": name}),
        created_at=NOON,
        rounds=rounds,
    )
    ends: dict[int, WindowOutcome] = {}
    with living_by(clock):
        run_window(WindowRequest(fileloc="d.py", triggers=(request,)), Path("/nowhere"), ends.__setitem__)
    asyncio.get_event_loop().close()  # here the process goes on
    return ends[0]


@pytest.fixture(autouse=True)
def _module() -> Iterator[None]:
    module = types.ModuleType(MODULE)
    vars(module)["Polling"] = Polling
    sys.modules[MODULE] = module
    yield
    del sys.modules[MODULE]


@pytest.mark.parametrize(
    ("name", "fires_at", "event", "most_looks"),
    [
        ("sleeps_first", 600, "slept", 0),
        ("sleeps_twice", 900, "slept", 2),
        ("polls", 900, "there", 12),
        ("sleeps_before_it_polls", 900, "there", 14),
        ("counts_locally", 900, 10, 20),
        ("counts_in_attributes", 900, 10, 12),
        ("counts_in_attributes_after_the_sleep", 900, 10, 24),
        ("counts_a_range", 900, 10, 20),
        ("replaces_its_last_answer", 900, "there", 20),
        ("keeps_a_connection", 900, "there", 12),
        ("reads_its_last_answer", 900, "x" * 10, 0),
        ("counts_an_endless_range", 900, 11, 21),
        ("numbers_a_list", 900, [9, "e"], 65),
        ("has_time_until_a_moment", 900, "late", 12),
        ("has_time_by_the_loop", 900, "late", 20),
        ("is_given_time", 900, "late", 26),
        ("waits_with_a_limit", 900, "late", 26),
        ("sleeps_in_a_method", 900, "there", 12),
        ("sleeps_with_a_limit", 900, "there", 28),
        ("looks_in_a_thread", 900, "there", 12),
        ("sleeps_several_times", 900, "there", 23),
        ("has_two_loops", 900, "there", 45),
        ("has_loops_in_a_loop", 900, 2, 46),
        ("counts_again", 480, 4, 26),
        ("counts_and_sleeps", 840, "slept", 9),
        ("waits_for_a_task_of_its_own", 600, "slept", 0),
        ("sleeps_side_by_side", 900, "both", 0),
        ("sleeps_longer_and_longer", 950, "there", 45),
        ("goes_through_states", 900, "all", 9),
        ("takes_what_another_gives", 900, "all", 20),
    ],
)
def test_a_trigger_fires_when_it_would_have_without_looking_much_more_often(
    name: str, fires_at: float, event: Any, most_looks: int
) -> None:
    life = live(name)
    assert (life.fired_at, life.event) == (fires_at, event)
    assert len(looks) <= most_looks, looks
    assert life.windows == sorted({*life.windows})


@pytest.mark.parametrize("name", ["sleeps_first", "polls", "counts_a_range", "waits_with_a_limit"])
def test_windows_that_begin_late_begin_no_sleep_anew(name: str) -> None:
    assert live(name, late=7).fired_at in (607, 907)
    assert live(name, late=200).fired_at in (800, 1100)
