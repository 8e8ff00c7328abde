"""One run of a DAG from its beginning to its end in this process: the real engine over the memory store.

The clock is virtual: it jumps over waits that are only time (the delay of a retry, a date in the future). A
sensor's wait is for something outside, so it is really waited. What user code sees is the real time. As
in Airflow's ``dags test``, pools hold nobody back and it does not matter whether the DAG is paused.
"""

import getpass
import heapq
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from chalicelib.dag.loader import ImportFailure
from chalicelib.domain.dag_runs import DagRun
from chalicelib.domain.dags import Dag
from chalicelib.domain.graph import Graph
from chalicelib.domain.messages import Message, Outgoing, PokeTask, RunCallback, RunTask
from chalicelib.domain.outcomes import TryRequest
from chalicelib.domain.pools import DEFAULT_POOL, UNLIMITED
from chalicelib.domain.task_instances import TaskInstance, task_key
from chalicelib.engine import call_back, execute, scheduling, why
from chalicelib.engine.core import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.pools import save_pool
from chalicelib.engine.ports import Invocation, RunningXComs, RunTry, TryReport
from chalicelib.engine.sync import sync_dags
from chalicelib.engine.task_runner import run_callbacks, run_try
from chalicelib.engine.trigger import TriggerRequest, dag_to_run, trigger
from chalicelib.store.memory import MemoryStore

_LEASE = timedelta(days=365)
"""Nobody else is there to whom a try could pass."""

_ANY_RUN_ID = ".*"


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedRun:
    """Which run to make; ``execution_date`` is aware."""

    dag_id: str
    execution_date: datetime
    conf: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Who is told meanwhile: of each try with its log, and of each real wait in seconds."""

    on_try: Callable[[TryRequest, TryReport], None] = lambda _request, _report: None
    on_wait: Callable[[float], None] = lambda _seconds: None


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """The run at its end, its task instances in topological order.

    ``stuck`` says what it waits for if nothing will happen to it any more although it is not over.
    """

    run: DagRun
    instances: tuple[TaskInstance, ...]
    stuck: tuple[str, ...] = ()


@dataclass(slots=True)
class VirtualClock:
    """The real time, and how far this clock is ahead of it."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """The virtual time, aware."""
        return datetime.now(UTC) + self.ahead

    def jump_to(self, moment: datetime) -> None:
        """Be there at once; a moment of the past changes nothing."""
        self.ahead += max(moment - self.now(), timedelta())


class Laboratory:
    """The DAG files of a folder, as an engine of their own knows them; nothing of it outlives the object."""

    def __init__(self, folder: Path, watch: Watch | None = None) -> None:
        self._watch = watch or Watch()
        self._clock = VirtualClock()
        self._queue = _Queue(self._clock)
        numbers = count(1)
        self.engine = Engine(
            store=MemoryStore(),
            sender=self._queue,
            now=self._clock.now,
            new_uid=lambda: f"{next(numbers):026d}",
            allowed_run_id_pattern=_ANY_RUN_ID,
        )
        self._run_try = _in_real_time(run_try(folder, self.engine.store.variables), self._clock)
        self._run_callbacks = run_callbacks(folder, self.engine.store.variables)
        self.failures: tuple[ImportFailure, ...] = sync_dags(
            self.engine, folder, paused_at_creation=True
        ).failures

    def run(self, request: WantedRun) -> FinishedRun:
        """Make a run and go on with it until it is over, or until nothing will happen any more.

        Raises ``DagNotFound``, ``DagRunAlreadyExists`` and ``InvalidRequest``.
        """
        dag = dag_to_run(self.engine, request.dag_id)
        graph = graph_of(self.engine, dag.dag_id, dag.version)
        self._open(dag, graph)
        self._clock.jump_to(request.execution_date)
        made = trigger(
            self.engine,
            TriggerRequest(
                dag_id=dag.dag_id,
                execution_date=request.execution_date,
                triggered_by="dags test",
                conf=request.conf,
            ),
        )
        run = self._to_its_end(made)
        return FinishedRun(
            run=run, instances=tuple(self._instances(run, graph)), stuck=tuple(self._obstacles(run))
        )

    def _open(self, dag: Dag, graph: Graph) -> None:
        """Unpause without starting the schedule, and take the bounds off the pools."""
        self.engine.store.dags.set_paused(dag.dag_id, False, "dags test")
        for name in sorted({DEFAULT_POOL, *(task.pool for task in graph.tasks.values())}):
            save_pool(self.engine, name=name, slots=UNLIMITED, description=None)

    def _to_its_end(self, made: DagRun) -> DagRun:
        run = made
        while self._queue.holds_due() or (not run.state.is_final and self._queue.holds_any()):
            self._handle(self._next())
            run = self.engine.store.dag_runs.get(run.dag_id, run.execution_date) or run
        self._queue.clear()
        return run

    def _next(self) -> Message:
        visible_at, message = self._queue.take()
        waits_outside = isinstance(message, PokeTask) or (isinstance(message, RunTask) and message.pokes > 0)
        seconds = (visible_at - self._clock.now()).total_seconds()
        if not waits_outside:
            self._clock.jump_to(visible_at)
        elif seconds > 0:
            self._watch.on_wait(seconds)
            time.sleep(seconds)
        return message

    def _handle(self, message: Message) -> None:
        match message:
            case RunTask():
                execute.execute(self.engine, message, self._invocation(), self._watched_try)
            case RunCallback():
                call_back.call_back(self.engine, message, self._run_callbacks)
            case _:
                scheduling.handle(self.engine, message)

    def _watched_try(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        report = self._run_try(request, xcoms)
        self._watch.on_try(request, report)
        return report

    def _invocation(self) -> Invocation:
        return Invocation(
            token=self.engine.new_uid(),
            ends_at=self._clock.now() + _LEASE,
            hostname=socket.gethostname(),
            unixname=getpass.getuser(),
            pid=os.getpid(),
        )

    def _instances(self, run: DagRun, graph: Graph) -> Iterable[TaskInstance]:
        items = dict(self.engine.store.task_instances.list(run.run_uid))
        for task_id in graph.tasks:
            own = [item for key, item in items.items() if item.task_id == task_id and key == item.key]
            if own:
                yield from sorted(own, key=lambda item: item.map_index)
            else:
                yield items.get(task_key(task_id)) or TaskInstance(run_uid=run.run_uid, task_id=task_id)

    def _obstacles(self, run: DagRun) -> list[str]:
        checks = why.why_run(self.engine, run.dag_id, run.execution_date)
        return [f"{check.name}: {check.reason}" for check in checks if not check.passed]


class _Queue:
    """Implements ``Sender``: messages by the time at which they are to be handled, then as they came."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._numbers = count()
        self._waiting: list[tuple[datetime, int, Message]] = []

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Take messages in."""
        for outgoing in messages:
            visible_at = self._clock.now() + timedelta(seconds=outgoing.delay_seconds)
            heapq.heappush(self._waiting, (visible_at, next(self._numbers), outgoing.message))

    def take(self) -> tuple[datetime, Message]:
        """The next message, with its time."""
        visible_at, _, message = heapq.heappop(self._waiting)
        return visible_at, message

    def holds_any(self) -> bool:
        """Whether there is a message, due or not."""
        return bool(self._waiting)

    def holds_due(self) -> bool:
        """Whether there is a message whose time has come."""
        return bool(self._waiting) and self._waiting[0][0] <= self._clock.now()

    def clear(self) -> None:
        """Forget what is left."""
        self._waiting.clear()


def _in_real_time(run: RunTry, clock: VirtualClock) -> RunTry:
    """The runner for user code, which reads the real clock: times that it compares are moved to that."""

    def moved(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        ahead = clock.ahead
        first_poke_at = request.first_poke_at and request.first_poke_at - ahead
        report = run(
            replace(request, start_date=request.start_date - ahead, first_poke_at=first_poke_at), xcoms
        )
        wakes_at = report.outcome.reschedule_date
        if wakes_at is None:
            return report
        return replace(report, outcome=replace(report.outcome, reschedule_date=wakes_at + ahead))

    return moved
