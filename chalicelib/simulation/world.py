"""A world with faults: the real engine over the in-memory store, a queue that duplicates, delays and
reorders, handlers that die between any two store or queue calls, workers that outlive their lease.

Deterministic: every choice is drawn from the ``random.Random`` it is given, and time passes only when it
is told to.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.authoring.clock import living_by
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import Message
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import TaskInstanceState
from chalicelib.engine.engine import Engine, unobserved
from chalicelib.engine.ports.observer import Observe
from chalicelib.engine.ports.worker import (
    AskTimetable,
    Invocation,
    RunCallbacks,
    RunningXComs,
    RunTry,
    RunWindow,
    TryReport,
)
from chalicelib.engine.upkeep.tick import tick
from chalicelib.queues.messages import decode
from chalicelib.settings import MOST_WORKER_TIMEOUT
from chalicelib.simulation.dispatch import Worker, handle, no_timetable
from chalicelib.simulation.faults import Faults, Faulty, Killed, LegalMoves, LegalRunMoves, PromiseBroken
from chalicelib.simulation.queue import InFlight, Queue
from chalicelib.store.memory import MemoryStore

LEASE = timedelta(seconds=MOST_WORKER_TIMEOUT)
"""Lambda's longest invocation."""

COMES_AGAIN_AFTER = timedelta(seconds=30)
"""When the message of a handler that failed is seen again."""

_MOST_MESSAGES = 10_000
"""One after the other, without any time passing: more is an endless loop."""


@dataclass
class Clock:
    """Stands still until it is told to go on."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """One deployment with its faults.

    ``enter_user_code`` is given each try's request and what runs its code: it may do things around it.
    """

    def __init__(
        self,
        *,
        run_try: RunTry,
        run_callbacks: RunCallbacks,
        run_window: RunWindow,
        choose: random.Random,
        clock: Clock | None = None,
        store: MemoryStore | None = None,
        observe: Observe = unobserved,
        ask_timetable: AskTimetable = no_timetable,
    ) -> None:
        self.clock = clock or Clock()
        self.faults = Faults()
        self.store = store or MemoryStore()
        self.moves = LegalMoves(self.store.task_instances)
        # Both stand for what they wrap.
        self.store.task_instances = self.moves  # type: ignore[assignment]
        self.store.dag_runs = LegalRunMoves(self.store.dag_runs)  # type: ignore[assignment]
        self.queue = Queue(lambda: self.clock.now)
        self.choose = choose
        self.enter_user_code: Callable[[TryRequest, Callable[[], TryReport]], TryReport] = (
            lambda _request, run: run()
        )
        self.engine = Engine(
            store=Faulty(self.store, self.faults),
            sender=Faulty(self.queue, self.faults),
            now=lambda: self.clock.now,
            new_uid=self._new_uid,
            allowed_run_id_pattern=".*",
            observe=observe,
            entropy=choose,
        )
        self._run_try = run_try
        self._worker = Worker(
            run_try=self._run_user_code,
            run_callbacks=run_callbacks,
            run_window=run_window,
            new_invocation=self._new_invocation,
            ask_timetable=lambda question: self.ask_timetable(question),
        )
        self.ask_timetable = ask_timetable
        """What answers for the user's own timetables."""
        self._invocations = 0
        self._uids = 0

    def _new_uid(self) -> str:
        self._uids += 1
        return f"uid{self._uids:05d}"

    def _new_invocation(self) -> Invocation:
        self._invocations += 1
        return Invocation(
            token=f"invocation-{self._invocations}",
            ends_at=self.clock.now + LEASE,
            hostname="simulator",
            unixname="airflow",
            pid=1,
        )

    def _run_user_code(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        return self.enter_user_code(request, lambda: self._run_try(request, xcoms))

    @contextmanager
    def seen_by_tasks(self) -> Iterator[None]:
        """Let DAG code live by this world's clock meanwhile."""
        with living_by(_TimeOfTasks(self)):
            yield

    # -- one step ----------------------------------------------------------------------------------

    def deliver(self, entry: InFlight, *, keep: bool = False, keep_faults: bool = False) -> None:
        """Hand a message to its handler; it stays queued if the handler fails or ``keep`` duplicates it.

        A fault that did not come up goes away with the handler unless ``keep_faults``.
        """
        try:
            self.handle(decode(entry.message))
        except (Killed, StoreUnavailable):
            entry.visible_at = self.clock.now + COMES_AGAIN_AFTER
        else:
            if not keep:
                self.queue.remove(entry)
        finally:
            if not keep_faults:
                self.faults.disarm()

    def handle(self, message: Message) -> None:
        """Do what the message's handler does; raises what the handler would die of."""
        handle(self.engine, message, self._worker)

    def tick(self) -> None:
        """What a minute's tick does; one that fails leaves it to the next."""
        try:
            tick(self.engine)
        except (Killed, StoreUnavailable):
            pass  # the next minute's tick does the same
        finally:
            self.faults.disarm()

    def advance(self, time: timedelta) -> None:
        """Let time pass."""
        self.clock.now += time

    # -- until nothing is left ---------------------------------------------------------------------

    def drain(self) -> None:
        """Deliver everything that is visible, in order, without faults."""
        for _ in range(_MOST_MESSAGES):
            visible = self.queue.visible()
            if not visible:
                return
            self.deliver(visible[0])
        raise PromiseBroken("the queue never runs empty")

    def settle(self, dag_id: str, within: timedelta = timedelta(days=1)) -> None:
        """No more faults: messages, then minutes, until no run of the DAG is unfinished.

        Raises ``PromiseBroken`` if one still is when so much time has passed.
        """
        for _ in range(within // timedelta(minutes=1)):
            self.drain()
            if not list(self.store.dag_runs.unfinished(dag_id)) and not self.queue.waiting:
                return
            self.advance(timedelta(minutes=1))
            self.tick()
        raise PromiseBroken(f"unfinished after {within}: {list(self.store.dag_runs.unfinished(dag_id))}")

    # -- what must always hold ---------------------------------------------------------------------

    def check_pools(self) -> None:
        """I3: never more slots given out than there are; ``free`` is capacity less what is held."""
        for shard in self.store.pools.all_shards():
            held = sum(holding.slots for holding in shard.holders.values())
            if held > shard.capacity or shard.free != shard.capacity - held:
                raise PromiseBroken(
                    f"{shard.name} gave out {held} of {shard.capacity} slots and counts {shard.free} free"
                )

    def running(self, run_uid: str) -> list[str]:
        """The keys of a run's task instances that are running."""
        begun = self.engine.items(run_uid).begun()
        return [item.key for item in begun if item.state is TaskInstanceState.RUNNING]


class _TimeOfTasks:
    """Implements ``authoring.clock.Clock`` by the clock of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        """The world's time."""
        return self._world.clock.now

    def sleep(self, seconds: float) -> None:
        """Let the world's time pass; no handler runs meanwhile."""
        self._world.advance(timedelta(seconds=seconds))
