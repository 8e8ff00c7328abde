"""One run of a DAG from its beginning to its end: the real engine over the memory store.

The clock is virtual: when there is nothing to do it jumps to where there is, over the delays of retries
and the time between a sensor's pokes. Airflow's names (``timezone.utcnow()``, sensors and their timeouts)
know that clock; ``datetime.now()`` in user code does not. As in Airflow's ``dags test``, pools hold nobody
back and it does not matter whether the DAG is paused.
"""

import getpass
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from chalicelib.authoring.clock import living_by
from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.messages import FollowTask, Message, PokeTask, RunCallback, RunTask, RunTrigger
from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.slots.pools import DEFAULT_POOL, UNLIMITED
from chalicelib.domain.states import TaskInstanceState
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
from chalicelib.simulation.dispatch import Worker, handle, handle_windows
from chalicelib.simulation.queue import Queue
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents_apart import dags_apart
from chalicelib.user_code.runner import (
    Environ,
    ask_timetable,
    own_environment,
    run_callbacks,
    run_try,
    run_window,
)

_LEASE = timedelta(days=365)
"""Nobody else is there to whom a try could pass."""

_ANY_RUN_ID = ".*"

_TRY_IS_OVER = frozenset({TaskInstanceState.UP_FOR_RETRY, TaskInstanceState.UP_FOR_RESCHEDULE})
"""States that another try, or poke, of the same instance would follow."""


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
    on_callbacks: Callable[[CallbackRequest, bytes], None] = lambda _request, _log: None
    """Takes each call of callbacks, with what they printed."""
    on_window: Callable[[WindowRequest], None] = lambda _request: None
    """Takes each window of triggers, before it begins."""
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

    ``names`` are the files that count, by their paths in the folder (None: all). With ``real_time`` sensors
    really wait between their pokes. ``store`` may hold the variables and connections that the files find,
    ``environment`` is that of tries, and ``now`` the time at which the clock begins. Tasks whose ids
    ``marked`` fits as a whole succeed without being run.
    """

    def __init__(
        self,
        folder: Path,
        watch: Watch | None = None,
        *,
        names: Sequence[str] | None = None,
        real_time: bool = False,
        store: MemoryStore | None = None,
        environment: Environ = own_environment,
        now: datetime | None = None,
        marked: re.Pattern[str] | None = None,
    ) -> None:
        self._watch = watch or Watch()
        self._marked = marked
        ahead = timedelta() if now is None else now - datetime.now(UTC)
        self._clock = VirtualClock(real_time=real_time, ahead=ahead)
        self._queue = Queue(self._clock.now)
        numbers = count(1)
        self.engine = Engine(
            store=store or MemoryStore(),
            sender=self._queue,
            now=self._clock.now,
            new_uid=lambda: f"{next(numbers):026d}",
            allowed_run_id_pattern=_ANY_RUN_ID,
        )
        variables, connections = self.engine.store.variables, self.engine.store.connections
        self._run_try = run_try(folder, variables, environment, connections=connections)
        self._run_callbacks = run_callbacks(folder, variables, environment, connections=connections)
        self._run_window = run_window(folder, variables, environment, connections=connections)
        self._worker = Worker(
            run_try=self._watched_try,
            run_callbacks=self._watched_callbacks,
            run_window=self._watched_window,
            new_invocation=self._new_invocation,
            ask_timetable=ask_timetable(folder, variables, environment, connections=connections),
        )
        dags = dags_apart(
            folder, names, variables=variables, connections=connections, environment=environment
        )
        self.failures = sync_dags(self.engine, dags, paused_at_creation=True).failures
        self._queue.waiting.clear()  # of schedules, which start nothing here: no timetable has to be asked

    def run(self, request: WantedRun, *, is_limited: bool = False, with_others: bool = False) -> FinishedRun:
        """Make a run and go on with it until it is over, or until nothing will happen any more.

        Pools hold no task back; the limits of the DAG and its tasks do if ``is_limited``. ``with_others``: no
        DAG is paused, and what the run starts of them goes on to its end, too.
        Raises ``DagNotFound``, ``DagRunAlreadyExists`` and ``InvalidRequest``.
        """
        dag, graph = self._prepared(request)
        if not is_limited:
            self.engine.graphs[dag.dag_id, dag.version] = graph.without_limits()
        if with_others:
            self._unpause_all()
        made = self._made(request)
        with living_by(self._clock):
            run = self._to_its_end(made, with_others=with_others)
        return finished(self.engine, run, graph_of_run(self.engine, run))

    def run_task(self, request: WantedRun, task_id: str, map_index: int = NOT_MAPPED) -> TaskInstance:
        """Make a run, and in it one try of one task instance, as if nothing came before it or after it.

        It is not retried, and a sensor of mode ``reschedule`` pokes once, as in Airflow's ``tasks test``. The
        instance at its end; raises what ``run`` raises, and ``TaskNotFound``.
        """
        dag, graph = self._prepared(request)
        alone = self.engine.graphs[dag.dag_id, dag.version] = graph.alone(task_id, max(map_index, 0))
        try:
            made = self._made(request)
            with living_by(self._clock):
                self._one_try(made, alone.task(task_id), map_index)
        finally:
            self.engine.graphs[dag.dag_id, dag.version] = graph
        return self.engine.instance_of(made.run_uid, alone.task(task_id), map_index)

    def _prepared(self, request: WantedRun) -> tuple[Dag, Graph]:
        dag = dag_to_run(self.engine, request.dag_id)
        graph = graph_of(self.engine, dag.dag_id, dag.version)
        self.engine.store.dags.set_paused(dag.dag_id, False, "dags test")  # without starting its schedule
        take_bounds_off_pools(self.engine, graph)
        return dag, graph

    def _made(self, request: WantedRun) -> DagRun:
        self._clock.jump_to(request.execution_date)
        return create_run(
            self.engine,
            RunRequest(
                dag_id=request.dag_id,
                execution_date=request.execution_date,
                is_undated=request.is_undated,
                external_trigger=False,  # as in Airflow, which therefore takes a date before the start date
                run_id=request.run_id,
                triggered_by="dags test",
                conf=request.conf,
            ),
        )

    def _one_try(self, run: DagRun, task: Task, map_index: int) -> None:
        while (entry := self._queue.first()) is not None:
            message = decode(entry.message)
            item = self.engine.instance_of(run.run_uid, task, map_index)
            self._queue.remove(entry)
            if item.state in _TRY_IS_OVER and not isinstance(message, RunCallback | FollowTask):
                continue
            if isinstance(message, RunTask | PokeTask) and message.map_index != map_index:
                continue
            self._wait_until(entry.visible_at, is_poke=_is_poke(message))
            handle(self.engine, message, self._worker)

    def _unpause_all(self) -> None:
        for dag in self.engine.store.dags.list():
            self.engine.store.dags.set_paused(dag.dag_id, False, "dags test", at=self._clock.now())
            take_bounds_off_pools(self.engine, graph_of(self.engine, dag.dag_id, dag.version))

    def _to_its_end(self, made: DagRun, *, with_others: bool) -> DagRun:
        run = made
        while (entry := self._queue.first()) is not None:
            if run.state.is_final and not with_others and entry.visible_at > self._clock.now():
                break
            self._wait_until(entry.visible_at, is_poke=_is_poke(decode(entry.message)))
            self._handle_visible(is_in_waves=not graph_of_run(self.engine, run).fail_stop)
            run = self.engine.store.dag_runs.get(run.dag_id, run.execution_date) or run
        self._queue.waiting.clear()
        return run

    def _handle_visible(self, *, is_in_waves: bool) -> None:
        """Handle the messages that are due: the tries last, those of a run side by side (``is_in_waves``).

        Due triggers share windows, so that none waits for another: Airflow's triggerer runs all at a time.
        So what follows from one wave of tries is decided once all of it is known, as in Airflow's
        ``dag.test()``. Where a failure stops the others the tries go one after another.
        """
        due = [(entry, decode(entry.message)) for entry in self._queue.visible()]
        others = [(entry, message) for entry, message in due if not isinstance(message, RunTask)]
        tries = [(entry, message) for entry, message in due if isinstance(message, RunTask)]
        for entry, _ in others or (tries if is_in_waves else tries[:1]):
            self._queue.remove(entry)
        if others or not is_in_waves:
            triggers = [message for _, message in others if isinstance(message, RunTrigger)]
            for _, message in others or tries[:1]:
                if not isinstance(message, RunTrigger):
                    handle(self.engine, message, self._worker)
            if triggers:
                handle_windows(self.engine, triggers, self._worker)
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
        if self._marked is not None and self._marked.fullmatch(request.task_id):
            report = TryReport(outcome=TryOutcome(result=TryResult.SUCCESS), log=b"")
        else:
            report = self._run_try(request, xcoms)
        self._watch.on_try(request, report)
        return report

    def _watched_callbacks(self, request: CallbackRequest, xcoms: RunningXComs) -> bytes:
        printed = self._run_callbacks(request, xcoms)
        self._watch.on_callbacks(request, printed)
        return printed

    def _watched_window(self, request: WindowRequest) -> tuple[WindowOutcome, ...]:
        self._watch.on_window(request)
        return self._run_window(request)

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
