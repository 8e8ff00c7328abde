"""One run of a DAG from its beginning to its end: the real engine over the memory store.

The clock is virtual: when there is nothing to do it jumps to where there is, over the delays of retries
and the time between a sensor's pokes. Airflow's names (``timezone.utcnow()``, sensors and their timeouts)
know that clock; ``datetime.now()`` in user code does not. As in Airflow's ``dags test``, pools hold nobody
back and it does not matter whether the DAG is paused.
"""

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from chalicelib.authoring.clock import living_by
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import Message, PokeTask, RunTask, RunTrigger
from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.slots.pools import DEFAULT_POOL, UNLIMITED
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.dags.sync import sync_dags
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of, graph_of_run
from chalicelib.engine.ports.worker import Invocation, RunningXComs, TryReport
from chalicelib.engine.reading import why
from chalicelib.engine.runs.create import RunRequest, create_run, dag_to_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.worker.execute import execute_together
from chalicelib.queues.messages import decode
from chalicelib.simulation.dispatch import Worker, handle
from chalicelib.simulation.queue import Queue
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents import dags_of_folder
from chalicelib.user_code.runner import run_callbacks, run_try, run_window

_LEASE = timedelta(days=365)
"""Nobody else is there to whom a try could pass."""

_ANY_RUN_ID = ".*"


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedRun:
    """The run to make."""

    dag_id: str
    execution_date: datetime
    """Aware of its time zone."""
    is_undated: bool = False
    """Whether that is only the time of the run, which has no logical date by Airflow 3's rules."""
    run_id: str | None = None
    """None makes one up."""
    conf: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """Callbacks while a run goes on."""

    on_try: Callable[[TryRequest, TryReport], None] = lambda _request, _report: None
    """Takes each try, with its log."""
    on_wait: Callable[[float], None] = lambda _seconds: None
    """Takes each real wait, in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """The run at its end."""

    run: DagRun
    instances: tuple[TaskInstance, ...]
    """In topological order."""
    stuck: tuple[str, ...] = ()
    """What the run waits for, if nothing will happen to it any more although it is not over."""


@dataclass(slots=True)
class VirtualClock:
    """The real time, and how far this clock is ahead of it; implements ``authoring.clock.Clock``."""

    real_time: bool = False
    """Whether sensors really wait."""
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """The virtual time, aware."""
        return datetime.now(UTC) + self.ahead

    def jump_to(self, moment: datetime) -> None:
        """Be there at once; a moment of the past changes nothing."""
        self.ahead += max(moment - self.now(), timedelta())

    def sleep(self, seconds: float) -> None:
        """Let a sensor's wait pass."""
        if self.real_time:
            time.sleep(seconds)
        else:
            self.ahead += timedelta(seconds=seconds)


class Laboratory:
    """The DAG files of a folder, as an engine of their own knows them; nothing of it outlives the object.

    With ``real_time`` sensors really wait between their pokes.
    """

    def __init__(self, folder: Path, watch: Watch | None = None, *, real_time: bool = False) -> None:
        self._watch = watch or Watch()
        self._clock = VirtualClock(real_time=real_time)
        self._queue = Queue(self._clock.now)
        numbers = count(1)
        self.engine = Engine(
            store=MemoryStore(),
            sender=self._queue,
            now=self._clock.now,
            new_uid=lambda: f"{next(numbers):026d}",
            allowed_run_id_pattern=_ANY_RUN_ID,
        )
        self._run_try = run_try(folder, self.engine.store.variables)
        self._worker = Worker(
            run_try=self._watched_try,
            run_callbacks=run_callbacks(folder, self.engine.store.variables),
            run_window=run_window(folder, self.engine.store.variables),
            new_invocation=self._new_invocation,
        )
        dags = dags_of_folder(folder, self.engine.store.variables)
        self.failures = sync_dags(self.engine, dags, paused_at_creation=True).failures

    def run(self, request: WantedRun, *, is_limited: bool = False) -> FinishedRun:
        """Make a run and go on with it until it is over, or until nothing will happen any more.

        Pools hold no task back; the limits of the DAG and its tasks do if ``is_limited``.
        Raises ``DagNotFound``, ``DagRunAlreadyExists`` and ``InvalidRequest``.
        """
        dag = dag_to_run(self.engine, request.dag_id)
        graph = graph_of(self.engine, dag.dag_id, dag.version)
        self.engine.store.dags.set_paused(dag.dag_id, False, "dags test")  # without starting its schedule
        take_bounds_off_pools(self.engine, graph)
        if not is_limited:
            self.engine.graphs[dag.dag_id, dag.version] = graph.without_limits()
        self._clock.jump_to(request.execution_date)
        made = create_run(
            self.engine,
            RunRequest(
                dag_id=dag.dag_id,
                execution_date=request.execution_date,
                is_undated=request.is_undated,
                run_id=request.run_id,
                triggered_by="dags test",
                conf=request.conf,
            ),
        )
        with living_by(self._clock):
            run = self._to_its_end(made)
        return finished(self.engine, run, graph_of_run(self.engine, run))

    def _to_its_end(self, made: DagRun) -> DagRun:
        run = made
        while (entry := self._queue.first()) is not None:
            if run.state.is_final and entry.visible_at > self._clock.now():
                break
            self._wait_until(entry.visible_at, is_poke=_is_poke(decode(entry.message)))
            self._handle_visible(is_in_waves=not graph_of_run(self.engine, run).fail_stop)
            run = self.engine.store.dag_runs.get(run.dag_id, run.execution_date) or run
        self._queue.waiting.clear()
        return run

    def _handle_visible(self, *, is_in_waves: bool) -> None:
        """Handle the messages that are due: the tries last, those of a run side by side (``is_in_waves``).

        So what follows from one wave of tries is decided once all of it is known, as in Airflow's
        ``dag.test()``. Where a failure stops the others the tries go one after another.
        """
        due = [(entry, decode(entry.message)) for entry in self._queue.visible()]
        others = [(entry, message) for entry, message in due if not isinstance(message, RunTask)]
        tries = [(entry, message) for entry, message in due if isinstance(message, RunTask)]
        for entry, _ in others or (tries if is_in_waves else tries[:1]):
            self._queue.remove(entry)
        if others or not is_in_waves:
            for _, message in others or tries[:1]:
                handle(self.engine, message, self._worker)
            return
        waves: dict[RunRef, list[RunTask]] = {}
        for _, message in tries:
            waves.setdefault(message.run.ref, []).append(message)
        for wave in waves.values():
            execute_together(self.engine, wave, self._new_invocation, self._worker.run_try)

    def _wait_until(self, moment: datetime, *, is_poke: bool) -> None:
        seconds = (moment - self._clock.now()).total_seconds()
        if is_poke and self._clock.real_time and seconds > 0:
            self._watch.on_wait(seconds)
            self._clock.sleep(seconds)
        else:
            self._clock.jump_to(moment)

    def _watched_try(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        report = self._run_try(request, xcoms)
        self._watch.on_try(request, report)
        return report

    def _new_invocation(self) -> Invocation:
        return Invocation(
            token=self.engine.new_uid(),
            ends_at=self._clock.now() + _LEASE,
            hostname=socket.gethostname(),
            unixname=getpass.getuser(),
            pid=os.getpid(),
        )


def take_bounds_off_pools(engine: Engine, graph: Graph) -> None:
    """Let no pool of the DAG's tasks hold any of them back."""
    for name in sorted({DEFAULT_POOL, *(task.pool for task in graph.tasks.values())}):
        save_pool(engine, name=name, slots=UNLIMITED, description=None)


def finished(engine: Engine, run: DagRun, graph: Graph) -> FinishedRun:
    """A run as it is now, to which nothing happens any more."""
    checks = why.why_run(engine, run.dag_id, run.execution_date)
    return FinishedRun(
        run=run,
        instances=tuple(_instances(engine, run, graph)),
        stuck=tuple(f"{check.name}: {check.reason}" for check in checks if not check.passed),
    )


def _instances(engine: Engine, run: DagRun, graph: Graph) -> Iterable[TaskInstance]:
    yield from engine.items(run.run_uid).all_instances(graph.tasks.values())


def _is_poke(message: Message) -> bool:
    return isinstance(message, PokeTask | RunTrigger) or (isinstance(message, RunTask) and message.pokes > 0)
