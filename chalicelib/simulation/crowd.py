"""Handlers that run at the same time: only the one that is told to goes on, by one call.

Deterministic: which handler goes on, which dies and when time passes is drawn from ``world.choose``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import Message, TriggererMessage, WorkerMessage
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.ports.worker import TryReport
from chalicelib.queues.messages import decode
from chalicelib.simulation.faults import Killed, PromiseBroken
from chalicelib.simulation.halting_handler import Halting, Handler, current
from chalicelib.simulation.queue import InFlight
from chalicelib.simulation.world import COMES_AGAIN_AFTER, LEASE, World

SCHEDULER_TIMEOUT = timedelta(seconds=60)
CALL_TIMEOUT = timedelta(minutes=2)
"""A call of the store, with all its retries, is over by then; user code may take as long as its lease."""

HANDLERS = 4
"""Invocations that run at once, at most."""


class Kind(StrEnum):
    """What happens in a crowd; a message that is handled comes in order, again, or before an earlier one."""

    HANDLED = "handled"
    TIME = "time passed"
    DUPLICATE = "duplicate"
    REORDERING = "reordering"
    DELAY = "delay"
    KILLED_WORKER = "killed worker"
    KILLED_SCHEDULER = "killed scheduler"
    FAILED_CALL = "failed call"


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    """One thing that happened."""

    at: timedelta
    """The time since the crowd began."""
    kind: Kind
    message: Message | None = None
    """The message that it happened to, if any."""
    detail: str = ""


def _forget(_occurrence: Occurrence) -> None:
    """Takes what happens where it is of no interest."""


def _everybody(_handler: Handler) -> bool:
    return True


@dataclass
class Crowd:
    """Handlers at work at the same time in a world with one DAG."""

    world: World
    graph: Graph
    """The tasks of the DAG."""
    faults: float = 0.0
    """The probability that a call fails."""
    pausing: bool = False
    """Whether the DAG is paused and unpaused meanwhile."""
    repeats: float = 0.0
    """The probability that a message comes again after it was handled."""
    delays: float = 0.0
    """The probability that a message is held back."""
    kills: float = 0.0
    """The probability that user code is cut short."""
    lingering: float = 0.0
    """The probability that user code does not end although it is its turn."""
    eagerness: float = 0.3
    """The probability that a message is handled when no handler is at work; else time passes."""
    may_fail: Callable[[Handler], bool] = _everybody
    """Says which handlers faults may hit."""
    tell: Callable[[Occurrence], None] = _forget
    """Takes what happens."""
    handlers: list[Handler] = field(default_factory=list)
    at_work: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Tries whose user code is running: run uid, task, map index, try."""

    def __post_init__(self) -> None:
        world = self.world
        self._began_at = world.clock.now
        world.engine = replace(
            world.engine,
            store=Halting(world.engine.store),
            sender=Halting(world.engine.sender, "queue"),
            now=self._now,
        )
        world.enter_user_code = self._run_user_code

    def _now(self) -> datetime:
        """No two moments are the same, as on real clocks."""
        self.world.advance(timedelta(microseconds=1))
        return self.world.clock.now

    def step(self) -> None:
        """Begin a handler, let one go on, or let time pass."""
        choose = self.world.choose
        entries = self.world.queue.visible()
        if choose.random() < 0.1:
            # At least once: a message that is being handled may come a second time (not ahead of its delay).
            entries = [entry for entry in self.world.queue.waiting if entry.was_received or entry in entries]
        begins = 0.3 if self.handlers else self.eagerness
        if entries and len(self.handlers) < HANDLERS and choose.random() < begins:
            self._receive(entries)
        elif self.handlers and choose.random() < 0.97:
            self._go_on(choose.choice(self._those_in_haste()))
        elif self.pausing and choose.random() < 0.5:
            self._set_paused(choose.random() < 0.5)
        else:
            self.advance(timedelta(seconds=choose.choice([1, 20, 61, 400, 1200])))

    def _those_in_haste(self) -> list[Handler]:
        """The handlers at work without those whose user code takes its time; all, if all are such."""
        hasty = [each for each in self.handlers if not (each.in_user_code and self._happens(self.lingering))]
        return hasty or self.handlers

    def _receive(self, entries: list[InFlight]) -> None:
        entry = self.world.choose.choice(entries)
        if self._happens(self.delays):
            delay = timedelta(seconds=self.world.choose.choice([5, 30, 120, 900]))
            entry.visible_at = max(entry.visible_at, self.world.clock.now + delay)
            self._tell(Kind.DELAY, entry, f"by {delay}")
            return
        self._tell(self._way_of_coming(entry, entries), entry)
        self.begin(entry)

    def _way_of_coming(self, entry: InFlight, entries: list[InFlight]) -> Kind:
        if entry.was_received:
            return Kind.DUPLICATE
        return Kind.HANDLED if entry is entries[0] else Kind.REORDERING

    def _tell(self, kind: Kind, entry: InFlight | None, detail: str = "") -> None:
        message = None if entry is None else decode(entry.message)
        at = self.world.clock.now - self._began_at
        self.tell(Occurrence(at=at, kind=kind, message=message, detail=detail))

    def _happens(self, probability: float) -> bool:
        """Whether it does; what never happens draws nothing."""
        return probability > 0 and self.world.choose.random() < probability

    def begin(self, entry: InFlight) -> Handler:
        """Hand a message to a handler, which halts at its first call."""
        message = decode(entry.message)
        lifetime = LEASE if isinstance(message, WorkerMessage | TriggererMessage) else SCHEDULER_TIMEOUT
        entry.was_received = True
        entry.visible_at = self.world.clock.now + lifetime + timedelta(minutes=1)
        handler = Handler(partial(self.world.handle, message), entry, self.world.clock.now + lifetime)
        self.handlers.append(handler)
        return handler

    def advance(self, time: timedelta) -> None:
        """Let time pass: handlers that reach their timeout are killed; a minute's tick comes."""
        self._finish([handler for handler in self.handlers if not self.may_fail(handler)])
        self.world.advance(time)
        self._tell(Kind.TIME, None, str(time))
        for handler in [*self.handlers]:
            is_stuck = time > CALL_TIMEOUT and not handler.in_user_code
            if is_stuck or handler.ends_at <= self.world.clock.now:
                self.go_on(handler, Killed("timeout"))
        self.world.tick()

    def finish(self) -> None:
        """Let all handlers come to their ends, without faults."""
        self._finish(self.handlers)

    def _finish(self, handlers: list[Handler]) -> None:
        while left := [handler for handler in handlers if not handler.is_over]:
            self.go_on(self.world.choose.choice(left))

    def settle(self, within: timedelta = timedelta(days=1)) -> None:
        """Let everything come to its end, without faults."""
        self.finish()
        if self.pausing:
            self._set_paused(False)
        self.world.settle(self.graph.dag_id, within)

    def go_on(
        self, handler: Handler, fault: BaseException | None = None, *, takes_effect: bool = False
    ) -> None:
        """Let a handler make one call; when it is over its message is gone, or comes again."""
        if fault is not None:
            self._tell_fault(handler, fault, takes_effect=takes_effect)
        handler.go_on(fault, takes_effect=takes_effect)
        if handler.is_over:
            self.handlers.remove(handler)
            self._after(handler)
        self.check_slots()

    def _go_on(self, handler: Handler) -> None:
        choose = self.world.choose
        risk = max(self.faults, self.kills) if handler.in_user_code else self.faults
        if choose.random() >= risk or not self.may_fail(handler):
            self.go_on(handler)
            return
        fault = choose.choice([Killed] if handler.in_user_code else [Killed, StoreUnavailable])("injected")
        self.go_on(handler, fault, takes_effect=choose.random() < 0.5)

    def _tell_fault(self, handler: Handler, fault: BaseException, *, takes_effect: bool) -> None:
        entry = handler.entry
        if not isinstance(fault, Killed):
            kind = Kind.FAILED_CALL
        elif isinstance(decode(entry.message), WorkerMessage):
            kind = Kind.KILLED_WORKER
        else:
            kind = Kind.KILLED_SCHEDULER
        where = f"{'after' if takes_effect else 'before'} {handler.halted_at or 'it began'}"
        self._tell(kind, entry, "after its code, before its end" if handler.in_user_code else where)

    def _set_paused(self, paused: bool) -> None:
        set_paused(self.world.engine, self.graph.dag_id, paused=paused, changed_by="simulation")

    def _after(self, handler: Handler) -> None:
        if handler.error is None:
            if self._happens(self.repeats):
                handler.entry.visible_at = self.world.clock.now + COMES_AGAIN_AFTER
            else:
                self.world.queue.remove(handler.entry)
        elif not isinstance(handler.error, Killed | StoreUnavailable):
            raise handler.error

    def _run_user_code(self, request: TryRequest, run: Callable[[], TryReport]) -> TryReport:
        """User code at once, without halts: it has a process of its own; then others go on before its end."""
        this = (request.run_uid, request.task_id, request.map_index, request.try_number)
        if this in self.at_work:
            raise PromiseBroken(f"try {request.try_number} of {request.task_id} runs twice at the same time")
        handler = current()
        self.at_work.append(this)
        try:
            if handler is None:
                return run()
            handler.in_user_code = True
            report = handler.have_done(run)
            handler.halt("user code")
            handler.lose_reply()
            handler.in_user_code = False
            return report
        finally:
            self.at_work.remove(this)

    def check_slots(self) -> None:
        """I3: what is queued, and user code that runs, holds its slots, and shards count right.

        No more user code runs than limits allow, those included that the shape of the DAG keeps.
        """
        self.world.check_pools()
        for run in self.world.store.dag_runs.list(self.graph.dag_id):
            items = [item for _, item in self.world.store.task_instances.list(run.run_uid)]
            for item in items:
                is_held = item.state is TaskInstanceState.QUEUED or item.is_asleep or self._is_at_work(item)
                if item.pool_parts and is_held:
                    self._check_holding(item)
            self._check_share(items)

    def _is_at_work(self, item: TaskInstance) -> bool:
        return (item.run_uid, item.task_id, item.map_index, item.try_number) in self.at_work

    def _check_share(self, items: list[TaskInstance]) -> None:
        share = self.graph.share_of_run
        running = [item.key for item in items if item.state is TaskInstanceState.RUNNING]
        at_work = [item.key for item in items if item.key in running and self._is_at_work(item)]
        if share is not None and len(at_work) > share.tasks:
            raise PromiseBroken(f"{', '.join(at_work)} run at once: {share.text}")

    def _check_holding(self, item: TaskInstance) -> None:
        task = self.graph.tasks[item.task_id]
        shards = self.world.store.pools.shards(task.pool)
        holdings = [shards[number].holders.get(item.holder) for number, _ in item.pool_parts]
        held = sum(holding.slots for holding in holdings if holding is not None)
        if held < task.pool_slots:
            raise PromiseBroken(f"{item.holder}, {item.state}, has {held} of {task.pool_slots} slots")
        for number, shard in item.places:
            limit = task.limits_in(item.run_uid)[number]
            holders = self.world.store.pools.shards(limit.pool)[shard].holders
            if item.holder not in holders:
                raise PromiseBroken(f"{item.holder}, {item.state}, has no place: {limit.text}")
