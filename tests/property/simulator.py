"""A world with faults: the real engine over the in-memory store, a queue that duplicates, delays and
reorders, handlers that die between any two store or queue calls, workers that outlive their lease.

Deterministic: every choice is drawn from the ``choose`` function it is given.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.callbacks import CallbackRequest
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS, Message, Outgoing, RunCallback, RunTask
from chalicelib.domain.observations import Observation
from chalicelib.domain.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.states import LEGAL_MOVES, SET_BY_HAND, TaskInstanceState
from chalicelib.engine import call_back, execute, rescue, scheduling
from chalicelib.engine.core import Engine
from chalicelib.engine.ports import Invocation, RunningXComs, TryReport
from chalicelib.queues.messages import decode, encode
from chalicelib.store.memory import MemoryStore

LEASE = timedelta(minutes=15)


class Killed(BaseException):
    """The process that ran a handler is gone."""


class Faults:
    """Lets the n-th call from now on fail: before it took effect, or after (a lost reply)."""

    def __init__(self) -> None:
        self.calls_left: int | None = None
        self.error: type[BaseException] = Killed
        self.takes_effect = False

    def arm(self, calls: int, error: type[BaseException], *, takes_effect: bool) -> None:
        self.calls_left, self.error, self.takes_effect = calls, error, takes_effect

    def disarm(self) -> None:
        self.calls_left = None

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
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


@dataclass
class InFlight:
    message: str
    visible_at: datetime
    was_received: bool = False


@dataclass
class Queue:
    """Implements ``Sender``; everything sent is kept until its handler has succeeded."""

    clock: "Clock"
    waiting: list[InFlight] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def send(self, messages: Iterable[Outgoing]) -> None:
        for outgoing in messages:
            self.sent.append(outgoing.message)
            visible_at = self.clock.now + timedelta(
                seconds=min(outgoing.delay_seconds, LONGEST_DELAY_SECONDS)
            )
            self.waiting.append(InFlight(message=encode(outgoing.message), visible_at=visible_at))

    def visible(self) -> list[InFlight]:
        return [entry for entry in self.waiting if entry.visible_at <= self.clock.now]


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)


Script = Callable[[TryRequest], TryOutcome]
"""What user code does in a try."""


class LegalMoves:
    """The task instances of a store; a move that ``LEGAL_MOVES`` does not know is an error.

    ``ends`` are the states that a worker's tries came to: task, try, state.
    """

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks
        self.ends: set[tuple[str, int, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)

    def transition(self, run_uid: str, key: str, *args: Any) -> Any:
        before = self._tasks.get(run_uid, key)
        write = self._tasks.transition(run_uid, key, *args)
        old, new = before.state if before else None, write.item.state
        by_hand = write.item.clears > (before.clears if before else 0) and new in SET_BY_HAND
        assert old == new or by_hand or new in LEGAL_MOVES[old], f"{key}: {old} -> {new}"
        if old is TaskInstanceState.RUNNING and write.applied and not by_hand:
            self.ends.add((write.item.task_id, write.item.try_number, str(new)))
        return write


class World:
    """One deployment with its faults."""

    def __init__(self, script: Script, choose: random.Random) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.store = MemoryStore()
        self.moves = LegalMoves(self.store.task_instances)
        self.store.task_instances = self.moves  # type: ignore[assignment]
        self.queue = Queue(self.clock)
        self.script = script
        self.choose = choose
        self.tries: list[tuple[str, int]] = []
        self.calls: list[tuple[str, int, str]] = []
        """Callbacks called: task (the DAG's: empty), try, kind."""
        self.pokes: list[tuple[str, str, int, int]] = []
        self.observed: list[Observation] = []
        self.stall: Callable[[TryRequest], None] = lambda _: None
        self._invocations = 0
        self._uids = 0
        self.engine = Engine(
            store=Faulty(self.store, self.faults),
            sender=Faulty(self.queue, self.faults),
            now=lambda: self.clock.now,
            new_uid=self._new_uid,
            allowed_run_id_pattern=".*",
            observe=self.observed.append,
            entropy=choose,
        )

    def _new_uid(self) -> str:
        self._uids += 1
        return f"uid{self._uids:05d}"

    # -- one step ----------------------------------------------------------------------------------

    def deliver(self, entry: InFlight, *, keep: bool = False, keep_faults: bool = False) -> None:
        """Hand a message to its handler; it stays queued if the handler fails or ``keep`` duplicates it.

        A fault that did not come up goes away with the handler unless ``keep_faults``.
        """
        try:
            self.handle(decode(entry.message))
        except (Killed, StoreUnavailable):
            entry.visible_at = self.clock.now + timedelta(seconds=30)
        else:
            if not keep and entry in self.queue.waiting:
                self.queue.waiting.remove(entry)
        finally:
            if not keep_faults:
                self.faults.disarm()

    def handle(self, message: Message) -> None:
        if isinstance(message, RunTask):
            self._invocations += 1
            invocation = Invocation(
                token=f"invocation-{self._invocations}",
                ends_at=self.clock.now + LEASE,
                hostname="simulator",
                unixname="airflow",
                pid=1,
            )
            execute.execute(self.engine, message, invocation, self._run_try)
        elif isinstance(message, RunCallback):
            call_back.call_back(self.engine, message, self._run_callbacks)
        else:
            scheduling.handle(self.engine, message)

    def tick(self) -> None:
        try:
            rescue.tick(self.engine)
        except (Killed, StoreUnavailable):
            pass  # the next minute's tick does the same
        finally:
            self.faults.disarm()

    def advance(self, time: timedelta) -> None:
        self.clock.now += time

    def _run_try(self, request: TryRequest, _: RunningXComs) -> TryReport:
        if request.pokes == 0:
            self.tries.append((request.task_id, request.try_number))
        poke = (request.run_uid, request.task_id, request.try_number, request.pokes)
        assert poke not in self.pokes, f"{poke} came twice"
        self.pokes.append(poke)
        self.stall(request)
        return TryReport(outcome=self.script(request), log=b"")

    def _run_callbacks(self, request: CallbackRequest, _: RunningXComs) -> bytes:
        called = request.instances[-1].request
        place = ("", 0) if request.of_dag else (called.task_id, called.try_number)
        self.calls.append((*place, str(request.kind)))
        return b""

    # -- until nothing is left ---------------------------------------------------------------------

    def drain(self) -> None:
        """Deliver everything that is visible, in order, without faults."""
        for _ in range(10_000):
            visible = self.queue.visible()
            if not visible:
                return
            self.deliver(visible[0])
        raise AssertionError("the queue never runs empty")

    def settle(self, dag_id: str) -> None:
        """No more faults: messages, then minutes, until no run of the DAG is unfinished."""
        for _ in range(24 * 60):
            self.drain()
            if not list(self.store.dag_runs.unfinished(dag_id)) and not self.queue.waiting:
                return
            self.advance(timedelta(minutes=1))
            self.tick()
        raise AssertionError(f"unfinished after a day: {list(self.store.dag_runs.unfinished(dag_id))}")

    # -- what must always hold ---------------------------------------------------------------------

    def check_pools(self) -> None:
        """I3: never more slots given out than there are; ``free`` is capacity less what is held."""
        for shard in self.store.pools.all_shards():
            held = sum(holding.slots for holding in shard.holders.values())
            assert held <= shard.capacity, f"{shard.name} gave out {held} of {shard.capacity}"
            assert shard.free == shard.capacity - held

    def running(self, run_uid: str) -> list[str]:
        items = self.store.task_instances.list(run_uid)
        return [key for key, item in items if item.state is TaskInstanceState.RUNNING]


def outcome_of(behaviour: str, try_number: int, skips: frozenset[str]) -> TryOutcome:
    """What a scripted task does: ok, fail, skip, flaky (fails once), branch or short (circuit)."""
    if behaviour == "fail" or (behaviour == "flaky" and try_number < 2):
        return TryOutcome(result=TryResult.FAILED, reason=behaviour)
    if behaviour == "fail for good":
        return TryOutcome(result=TryResult.FAILED_FOR_GOOD, reason=behaviour)
    if behaviour == "skip":
        return TryOutcome(result=TryResult.SKIPPED)
    return TryOutcome(result=TryResult.SUCCESS, skip=skips)
