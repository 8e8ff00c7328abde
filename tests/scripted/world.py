"""A world whose user code is scripted, and what it did."""

import random
from collections.abc import Callable

from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.observations import Observation
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
            choose=choose,
            observe=self.observed.append,
        )
        self.script = script
        self.tries: list[tuple[str, int]] = []
        self.instances: list[tuple[str, int, int]] = []
        """Tries begun: task, map index, try."""
        self.called: list[CallbackRequest] = []
        self.calls: list[tuple[str, int, str]] = []
        """Callbacks called: task (the DAG's: empty), try, kind."""
        self.pokes: list[tuple[str, str, int, int, int]] = []
        self.stall: Callable[[TryRequest], object] = lambda _: None
        """What happens while a try runs."""

    def _play(self, request: TryRequest, _: RunningXComs) -> TryReport:
        if request.pokes == 0:
            self.tries.append((request.task_id, request.try_number))
            self.instances.append((request.task_id, request.map_index, request.try_number))
        poke = (request.run_uid, request.task_id, request.map_index, request.try_number, request.pokes)
        assert poke not in self.pokes, f"{poke} came twice"
        self.pokes.append(poke)
        self.stall(request)
        return TryReport(outcome=self.script(request), log=b"")

    def _note_call(self, request: CallbackRequest, _: RunningXComs) -> bytes:
        called = request.instances[-1].request
        place = ("", 0) if request.of_dag else (called.task_id, called.try_number)
        self.called.append(request)
        self.calls.append((*place, str(request.kind)))
        return b""


def outcome_of(behaviour: str, try_number: int, skips: frozenset[str]) -> TryOutcome:
    """What a scripted task does: ok, fail, skip, flaky (fails once), branch or short (circuit)."""
    if behaviour == "fail" or (behaviour == "flaky" and try_number < 2):
        return TryOutcome(result=TryResult.FAILED, reason=behaviour)
    if behaviour == "fail for good":
        return TryOutcome(result=TryResult.FAILED_FOR_GOOD, reason=behaviour)
    if behaviour == "skip":
        return TryOutcome(result=TryResult.SKIPPED)
    return TryOutcome(result=TryResult.SUCCESS, skip=skips)
