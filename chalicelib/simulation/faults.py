"""Faults of ports, and the check of legal moves that notices a broken promise."""

from collections.abc import Callable
from typing import Any

from chalicelib.domain.runs.reasons import ENDED_BY_HAND
from chalicelib.domain.states import (
    LEGAL_MOVES,
    LEGAL_RUN_MOVES,
    RUN_MOVES_BY_HAND,
    STATES_BY_HAND,
    DagRunState,
    TaskInstanceState,
)


class Killed(BaseException):
    """The process that ran a handler is gone."""


class PromiseBroken(Exception):
    """An invariant of the engine does not hold: a defect of Updraft, whatever the DAG."""


class Faults:
    """Lets the n-th call from now on fail: before it took effect, or after (a lost reply)."""

    def __init__(self) -> None:
        self.calls_left: int | None = None
        self.error: type[BaseException] = Killed
        self.takes_effect = False

    def arm(self, calls: int, error: type[BaseException], *, takes_effect: bool) -> None:
        """Let so many calls pass; the next one fails."""
        self.calls_left, self.error, self.takes_effect = calls, error, takes_effect

    def disarm(self) -> None:
        """Let all calls pass."""
        self.calls_left = None

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the method, unless it is this call's turn to fail."""
        if self.calls_left is None:
            return method(*args, **kwargs)
        self.calls_left -= 1
        if self.calls_left >= 0:
            return method(*args, **kwargs)
        self.disarm()
        if self.takes_effect:
            method(*args, **kwargs)
        raise self.error("injected")


class Faulty:
    """Any port (or repository of a store) seen through faults."""

    def __init__(self, target: Any, faults: Faults) -> None:
        self._target, self._faults = target, faults

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not callable(member):
            return Faulty(member, self._faults)
        return lambda *args, **kwargs: self._faults.call(member, *args, **kwargs)


class LegalMoves:
    """The task instances of a store; a move that ``LEGAL_MOVES`` does not know breaks a promise.

    ``ends`` are the states that a worker's tries came to: task, try, state.
    """

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks
        self.ends: set[tuple[str, int, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)

    def transition(self, run_uid: str, key: str, *args: Any) -> Any:
        """Pass the change on; raises ``PromiseBroken`` for an illegal move."""
        before = self._tasks.get(run_uid, key)
        write = self._tasks.transition(run_uid, key, *args)
        old, new = before.state if before else None, write.item.state
        by_hand = write.item.clears > (before.clears if before else 0) and new in STATES_BY_HAND
        if old != new and not by_hand and new not in LEGAL_MOVES[old]:
            raise PromiseBroken(f"{key} moved from {old} to {new}")
        if before is not None and before.is_withheld and new is not None and not by_hand:
            raise PromiseBroken(f"{key} was withheld and has begun")
        if old is TaskInstanceState.RUNNING and write.applied and not by_hand:
            self.ends.add((write.item.task_id, write.item.try_number, str(new)))
        return write


class LegalRunMoves:
    """The runs of a store; a move that is in neither table of the moves of runs breaks a promise."""

    def __init__(self, runs: Any) -> None:
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    def create(self, run: Any, *args: Any) -> Any:
        """Pass the run on; raises ``PromiseBroken`` for one that does not begin where runs begin."""
        _check_move(run.run_id, None, run.state, by_hand=False)
        return self._runs.create(run, *args)

    def transition(self, run: Any, *args: Any, **kwargs: Any) -> Any:
        """Pass the change on; raises ``PromiseBroken`` for an illegal move."""
        before = self._runs.get(run.dag_id, run.execution_date)
        write = self._runs.transition(run, *args, **kwargs)
        if write.applied:
            by_hand = write.item.reason in ENDED_BY_HAND
            _check_move(write.item.run_id, before.state, write.item.state, by_hand=by_hand)
        return write

    def requeue(self, run: Any, change: Any, *args: Any) -> Any:
        """Pass the change on; raises ``PromiseBroken`` for an illegal move."""
        before = self._runs.get(run.dag_id, run.execution_date)
        requeued = self._runs.requeue(run, change, *args)
        if requeued:
            by_hand = change["clear_number"] > run.clear_number
            _check_move(run.run_id, before.state, change["state"], by_hand=by_hand)
        return requeued


def _check_move(run_id: str, old: DagRunState | None, new: DagRunState, *, by_hand: bool) -> None:
    is_legal = new in LEGAL_RUN_MOVES[old] or (by_hand and old is not None and new in RUN_MOVES_BY_HAND[old])
    if old != new and not is_legal:
        raise PromiseBroken(f"run {run_id} moved from {old} to {new}")
