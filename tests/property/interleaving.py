"""Handlers that run at the same time: each in a thread that halts before every call of a port, and
only the one that is told to goes on. Built on the simulator, whose handlers run one after the other.

Deterministic: which handler goes on, which dies and when time passes is drawn from ``world.choose``.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import WorkerMessage
from chalicelib.domain.outcomes import TryRequest
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.task_instances import TaskInstance
from chalicelib.engine.pausing import set_paused
from chalicelib.queues.messages import decode
from tests.property.dags import ScriptedDag
from tests.property.simulator import LEASE, InFlight, Killed, World

SCHEDULER_TIMEOUT = timedelta(seconds=60)
CALL_TIMEOUT = timedelta(minutes=2)
"""A call of the store, with all its retries, is over by then; user code may take as long as its lease."""

HANDLERS = 4
"""Invocations that run at once, at most."""

_here = threading.local()


class Handler:
    """One invocation. ``go_on`` lets it make one call; it is over when its thread has ended."""

    def __init__(self, work: Callable[[], None], entry: InFlight, ends_at: datetime) -> None:
        self.entry, self.ends_at = entry, ends_at
        self.error: BaseException | None = None
        self.in_user_code = False
        self._work = work
        self._fault: BaseException | None = None
        self._takes_effect = False
        self._go, self._halted = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._halted.acquire()

    @property
    def is_over(self) -> bool:
        return self._work is _nothing

    def go_on(self, fault: BaseException | None = None, *, takes_effect: bool = False) -> None:
        """One call more; with a ``fault`` it fails, before it took effect or after (a lost reply)."""
        assert not self.is_over
        self._fault, self._takes_effect = fault, takes_effect
        self._go.release()
        self._halted.acquire()

    def halt(self) -> None:
        """Wait, on the handler's own thread, to be told to go on."""
        self._halted.release()
        self._go.acquire()
        if self._fault is not None and not self._takes_effect:
            raise self._fault

    def lose_reply(self) -> None:
        """After a call: raise the fault that lets the call take effect, if there is one."""
        if self._fault is not None and self._takes_effect:
            raise self._fault

    def _run(self) -> None:
        _here.handler = self
        try:
            self.halt()
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self._work = _nothing
            self._halted.release()


def _nothing() -> None:
    """What a handler that is over has to do."""


class Halting:
    """Any port seen from a handler: it halts before each call."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not callable(member):
            return Halting(member)
        return lambda *args, **kwargs: _halting_call(member, *args, **kwargs)


def _halting_call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    handler: Handler | None = getattr(_here, "handler", None)
    if handler is None:
        return method(*args, **kwargs)
    handler.halt()
    answer = method(*args, **kwargs)
    handler.lose_reply()
    return answer


@dataclass
class Crowd:
    """Handlers at work at the same time in a world with one DAG."""

    world: World
    dag: ScriptedDag
    faults: float = 0.0
    """How often a call fails."""
    pausing: bool = False
    handlers: list[Handler] = field(default_factory=list)
    at_work: list[tuple[str, str, int]] = field(default_factory=list)
    """Tries whose user code is running: run uid, task, try."""

    def __post_init__(self) -> None:
        world = self.world
        world.engine = replace(
            world.engine,
            store=Halting(world.engine.store),
            sender=Halting(world.engine.sender),
            now=self._now,
        )
        world.stall = self._run_user_code

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
        if entries and len(self.handlers) < HANDLERS and choose.random() < 0.3:
            self.begin(choose.choice(entries))
        elif self.handlers and choose.random() < 0.97:
            self._go_on(choose.choice(self.handlers))
        elif self.pausing and choose.random() < 0.5:
            self._set_paused(choose.random() < 0.5)
        else:
            self.advance(timedelta(seconds=choose.choice([1, 20, 61, 400, 1200])))

    def begin(self, entry: InFlight) -> Handler:
        """Hand a message to a handler, which halts at its first call."""
        message = decode(entry.message)
        lifetime = LEASE if isinstance(message, WorkerMessage) else SCHEDULER_TIMEOUT
        entry.was_received = True
        entry.visible_at = self.world.clock.now + lifetime + timedelta(minutes=1)
        handler = Handler(partial(self.world.handle, message), entry, self.world.clock.now + lifetime)
        self.handlers.append(handler)
        return handler

    def advance(self, time: timedelta) -> None:
        """Let time pass: handlers that reach their timeout are killed; a minute's tick comes."""
        self.world.advance(time)
        for handler in [*self.handlers]:
            is_stuck = time > CALL_TIMEOUT and not handler.in_user_code
            if is_stuck or handler.ends_at <= self.world.clock.now:
                self.go_on(handler, Killed("timeout"))
        self.world.tick()

    def finish(self) -> None:
        """Let all handlers come to their ends, without faults."""
        while self.handlers:
            self.go_on(self.world.choose.choice(self.handlers))

    def settle(self) -> None:
        """Let everything come to its end, without faults."""
        self.finish()
        self._set_paused(False)
        self.world.settle(self.dag.dag_id)

    def go_on(
        self, handler: Handler, fault: BaseException | None = None, *, takes_effect: bool = False
    ) -> None:
        """Let a handler make one call; when it is over its message is gone, or comes again."""
        handler.go_on(fault, takes_effect=takes_effect)
        if handler.is_over:
            self.handlers.remove(handler)
            self._after(handler)
        self.check_slots()

    def _go_on(self, handler: Handler) -> None:
        choose = self.world.choose
        if choose.random() >= self.faults:
            self.go_on(handler)
            return
        fault = choose.choice([Killed, StoreUnavailable])("injected")
        self.go_on(handler, fault, takes_effect=choose.random() < 0.5)

    def _set_paused(self, paused: bool) -> None:
        set_paused(self.world.engine, self.dag.dag_id, paused=paused, changed_by="test")

    def _after(self, handler: Handler) -> None:
        if handler.error is None:
            if handler.entry in self.world.queue.waiting:
                self.world.queue.waiting.remove(handler.entry)
        elif not isinstance(handler.error, Killed | StoreUnavailable):
            raise handler.error

    def _run_user_code(self, request: TryRequest) -> None:
        this = (request.run_uid, request.task_id, request.try_number)
        assert this not in self.at_work, f"{this} runs twice"
        self.at_work.append(this)
        handler: Handler | None = getattr(_here, "handler", None)
        try:
            if handler is not None:
                handler.in_user_code = True
                handler.halt()
                handler.in_user_code = False
        finally:
            self.at_work.remove(this)

    def check_slots(self) -> None:
        """I3: what is queued, and user code that runs, holds its slots, and shards count right."""
        self.world.check_pools()
        for run in self.world.store.dag_runs.list(self.dag.dag_id):
            for _, item in self.world.store.task_instances.list(run.run_uid):
                this = (run.run_uid, item.task_id, item.try_number)
                is_held = item.state is TaskInstanceState.QUEUED or item.is_asleep or this in self.at_work
                if item.pool_parts and is_held:
                    self._check_holding(item)

    def _check_holding(self, item: TaskInstance) -> None:
        task = self.dag.graph.tasks[item.task_id]
        shards = self.world.store.pools.shards(task.pool)
        holdings = [shards[number].holders.get(item.holder) for number, _ in item.pool_parts]
        held = sum(holding.slots for holding in holdings if holding is not None)
        assert held >= task.pool_slots, f"{item.holder}, {item.state}, has {held} of {task.pool_slots} slots"
        for number, shard in item.places:
            limit = task.limits[number]
            holders = self.world.store.pools.shards(limit.pool)[shard].holders
            assert item.holder in holders, f"{item.holder}, {item.state}, has no place: {limit.text}"
