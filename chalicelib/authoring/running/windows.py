"""``run_window``: triggers side by side, each built again and run until it fires, or sleeps for longer."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.authoring import clock
from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.running.deferring import class_of_trigger
from chalicelib.authoring.running.rounds import Rounds
from chalicelib.authoring.running.slept_time import SleepCountingLoop, SleptTime, current, noting_lines
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.authoring.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent
from chalicelib.authoring.triggers.external_task import TriggerOfOtherRuns
from chalicelib.domain.runs.deferrals import (
    TriggerRequest,
    WindowOutcome,
    WindowRequest,
    WindowResult,
    XComToPush,
)
from chalicelib.domain.runs.other_runs import OtherRuns

log = logging.getLogger("airflow.task")

LONGEST_WINDOW = timedelta(seconds=30)
"""What triggers may take that do not sleep; then the window ends, and they ask again in another one..."""

PAUSE = timedelta(seconds=60)
"""...after so long."""

LONGEST_EVENT = 100_000
"""Bytes kept of an event: an item of DynamoDB has 400 KB in all."""

_LONGEST_TRACEBACK = 20_000

_NO_EVENT = "Trigger exited without sending an event. Dependent tasks will be failed."


OnEnd = Callable[[int, WindowOutcome], None]
"""Takes the outcome of a trigger, by its place in the request."""


def run_window(
    request: WindowRequest, folder: Path | None, on_end: OnEnd, other_runs: OtherRuns | None = None
) -> None:
    """Run the triggers of a DAG file in that folder for a window; ``on_end`` is told each end as it comes.

    Whatever a trigger raises is its outcome, and never raised here. No trigger is cancelled when the window
    ends: that would tell it that it is not wanted any more. The caller ends the process.
    """
    loop = SleepCountingLoop()
    asyncio.set_event_loop(loop)
    with finder.importable(folder):
        windows = [
            _Window(trigger=trigger, loop=loop, on_end=partial(on_end, index), other_runs=other_runs)
            for index, trigger in enumerate(request.triggers)
        ]
        _kept.append((loop, windows))
        with noting_lines():
            loop.run_until_complete(_until_all_are_settled(windows))
    for window in windows:
        window.settle(_later())


_kept: "list[tuple[SleepCountingLoop, list[_Window]]]" = []
"""What goes on: as the end of it would be told to triggers, it lasts as long as the process."""


async def _until_all_are_settled(windows: "list[_Window]") -> None:
    for window in windows:
        window.begin()
    settled = (window.settled.wait() for window in windows)
    tasks = [asyncio.ensure_future(each) for each in settled]
    await asyncio.wait(tasks, timeout=LONGEST_WINDOW.total_seconds())


def _later() -> WindowOutcome:
    return WindowOutcome(result=WindowResult.WAITS, due_at=clock.current().now() + PAUSE)


@dataclass(slots=True)
class _Window:
    """The window of one trigger."""

    trigger: TriggerRequest
    loop: asyncio.AbstractEventLoop
    on_end: Callable[[WindowOutcome], None]
    other_runs: OtherRuns | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    slept: SleptTime = field(init=False)

    def begin(self) -> None:
        self.slept = SleptTime(
            passed=self._clock(),
            may_wait=isinstance(clock.current(), clock.RealClock),
            on_wait=self._waits,
            known=Rounds.of_text(self.trigger.rounds),
        )
        token = current.set(self.slept)
        self.loop.create_task(self._run())
        current.reset(token)

    def _clock(self) -> Callable[[], float]:
        """Seconds since the deferral; a virtual clock is asked once, for it stands still meanwhile."""
        passed = (clock.current().now() - self.trigger.created_at).total_seconds()
        if not isinstance(clock.current(), clock.RealClock):
            return lambda: passed
        began = time.monotonic()
        return lambda: passed + time.monotonic() - began

    def _waits(self, ends: float, rounds: Rounds | None) -> None:
        due_at = self.trigger.created_at + timedelta(seconds=ends)
        text = rounds.text() if rounds is not None else ""
        self.settle(WindowOutcome(result=WindowResult.WAITS, due_at=due_at, rounds=text))

    def settle(self, outcome: WindowOutcome) -> None:
        """Tell the outcome, unless one was told before."""
        if not self.settled.is_set():
            self.settled.set()
            self.on_end(outcome)

    async def _run(self) -> None:
        try:
            trigger = _built(self.trigger)
            if isinstance(trigger, TriggerOfOtherRuns) and self.other_runs is not None:
                trigger.other_runs = self.other_runs
            self.slept.begin(trigger)
            event = await _first_event(trigger)
            await _clean_up(trigger)
            outcome = _outcome_of(event)
        except BaseException as error:  # SystemExit of user code ends the trigger, not us
            log.exception("Trigger %s has failed", self.trigger.classpath)
            text = "".join(traceback.format_exception(error))
            outcome = WindowOutcome(result=WindowResult.BROKEN, traceback=text[-_LONGEST_TRACEBACK:])
        self.settle(outcome)


def _built(request: TriggerRequest) -> BaseTrigger:
    trigger: BaseTrigger = class_of_trigger(request.classpath)(**from_json(request.kwargs))
    trigger.trigger_id = request.trigger_id
    return trigger


async def _first_event(trigger: BaseTrigger) -> Any:
    async for event in trigger.run():
        return event
    log.error(_NO_EVENT)
    return None


async def _clean_up(trigger: BaseTrigger) -> None:
    try:
        await trigger.cleanup()
    except Exception:
        log.exception("The cleanup of %r has failed", type(trigger).__name__)


def _outcome_of(event: Any) -> WindowOutcome:
    if isinstance(event, BaseTaskEndEvent):
        return WindowOutcome(
            result=WindowResult(str(event.task_instance_state)),
            xcoms=tuple(
                XComToPush(key=key, value=to_json(value)) for key, value in (event.xcoms or {}).items()
            ),
        )
    if not isinstance(event, TriggerEvent):
        return WindowOutcome(result=WindowResult.BROKEN)
    text = to_json(event.payload)
    if len(text.encode()) > LONGEST_EVENT:
        raise ValueError(f"the event is longer than {LONGEST_EVENT:,} bytes: it may tell where its value is")
    return WindowOutcome(result=WindowResult.FIRED, event=text)
