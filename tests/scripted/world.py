"""A world whose user code is scripted, and what it did."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.observations import Observation
from chalicelib.domain.runs.deferrals import TriggerRequest, WindowOutcome, WindowRequest, WindowResult
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports.worker import RunningXComs, TryReport
from chalicelib.simulation.world import World

Script = Callable[[TryRequest], TryOutcome]
"""What user code does in a try."""


class ScriptedWorld(World):
    """A world that runs a script in place of user code, and notes what it ran."""

    def __init__(self, script: Script, choose: random.Random) -> None:
        self.observed: list[Observation] = []
        super().__init__(
            run_try=self._play,
            run_callbacks=self._note_call,
            run_window=self._play_window,
            choose=choose,
            observe=self.observed.append,
        )
        self.script = script
        self.tries: list[tuple[str, int]] = []
        self.instances: list[tuple[str, int, int]] = []
        """Tries begun: task, map index, try."""
        self.resumed: list[tuple[str, int]] = []
        """Tries that went on after a deferral: run and trigger."""
        self.called: list[CallbackRequest] = []
        self.calls: list[tuple[str, int, str]] = []
        """Callbacks called: task (the DAG's: empty), try, kind."""
        self.pokes: list[tuple[str, str, int, int, int]] = []
        self.windows: list[WindowRequest] = []
        self.stall: Callable[[TryRequest], object] = lambda _: None
        """What happens while a try runs."""

    def _play(self, request: TryRequest, _: RunningXComs) -> TryReport:
        if request.pokes == 0 and request.deferral is None:
            self.tries.append((request.task_id, request.try_number))
            self.instances.append((request.task_id, request.map_index, request.try_number))
        poke = (request.run_uid, request.task_id, request.map_index, request.try_number, request.pokes)
        if request.deferral is None:
            assert poke not in self.pokes, f"{poke} came twice"
            self.pokes.append(poke)
        else:
            resumed = (request.run_uid, request.deferral.trigger_id)
            assert resumed not in self.resumed, f"{request.task_id} went on twice"
            self.resumed.append(resumed)
        self.stall(request)
        return TryReport(outcome=self.script(request), log=b"")

    def _play_window(self, request: WindowRequest) -> tuple[WindowOutcome, ...]:
        self.windows.append(request)
        return tuple(outcome_of_window(trigger, self.clock.now) for trigger in request.triggers)

    def _note_call(self, request: CallbackRequest, _: RunningXComs) -> bytes:
        called = request.instances[-1].request
        place = ("", 0) if request.of_dag else (called.task_id, called.try_number)
        self.called.append(request)
        self.calls.append((*place, str(request.kind)))
        return b""


def outcome_of_window(trigger: TriggerRequest, now: datetime) -> WindowOutcome:
    """What a scripted trigger does: it fires after so many seconds, and looks each ``every`` seconds."""
    scripted = json.loads(trigger.kwargs)
    passed = (now - trigger.created_at).total_seconds()
    if passed >= scripted["after"]:
        result = WindowResult(scripted["result"])
        return WindowOutcome(result=result, event="1" if result is WindowResult.FIRED else None)
    looks = passed // scripted["every"] + 1
    due_at = trigger.created_at + timedelta(seconds=min(looks * scripted["every"], scripted["after"]))
    return WindowOutcome(result=WindowResult.WAITS, due_at=due_at)


def outcome_of(behaviour: str, try_number: int, skips: frozenset[str]) -> TryOutcome:
    """What a scripted task does: ok, fail, skip, flaky (fails once), branch or short (circuit)."""
    if behaviour == "fail" or (behaviour == "flaky" and try_number < 2):
        return TryOutcome(result=TryResult.FAILED, reason=behaviour)
    if behaviour == "fail for good":
        return TryOutcome(result=TryResult.FAILED_FOR_GOOD, reason=behaviour)
    if behaviour == "skip":
        return TryOutcome(result=TryResult.SKIPPED)
    return TryOutcome(result=TryResult.SUCCESS, skip=skips)
