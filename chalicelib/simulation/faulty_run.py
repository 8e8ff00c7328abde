"""A user's DAG under faults: its tasks really run, and the run should end as it does without them.

What a killed worker costs is a try, here as on AWS. So a task's worker is killed only as often as its
``retries`` allow; that a task without any fails when its worker dies needs no simulation.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import RunTask
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, DagVersion
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.graphs import VersionMissing
from chalicelib.engine.ports.worker import RunningXComs, TryReport
from chalicelib.engine.runs.create import RunRequest, create_run, dag_to_run
from chalicelib.queues.messages import decode
from chalicelib.simulation.crowd import Crowd, Kind, Occurrence
from chalicelib.simulation.faults import PromiseBroken
from chalicelib.simulation.halting_handler import Handler
from chalicelib.simulation.one_run import (
    FinishedRun,
    Laboratory,
    WantedRun,
    finished,
    take_bounds_off_pools,
)
from chalicelib.simulation.world import Clock, World
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.runner import ask_timetable, run_callbacks, run_try, run_window

FAILED_CALLS = 0.03
REPEATED_MESSAGES = 0.1
DELAYED_MESSAGES = 0.05
KILLED_IN_USER_CODE = 0.5
"""Probabilities: much higher than AWS's, so that a few seeds show a lot."""

_STEPS = 500
_STEPS_PER_TASK = 30
"""With faults: each is a call of a port, of which a task takes some 15. The rest goes without."""

_LONGEST = timedelta(days=60)
"""Within that a run without further faults is over: a sensor's default timeout is seven days."""

Instance = tuple[str, int]
"""A task instance of a run: task id, map index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A run or task instance that ended otherwise than without faults."""

    task_id: str | None
    """The task; None for the run itself."""
    map_index: int
    was: str | None
    """The state without faults."""
    became: str | None
    """The state under faults."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultyRun:
    """A run under the faults of one seed."""

    seed: int | None
    faults: Mapping[Kind, int]
    """How often each kind of fault happened."""
    repeated: Mapping[Instance, int]
    """The tasks whose code ran more often than without faults, with how often it did."""
    run: FinishedRun | None = None
    differences: tuple[Difference, ...] = ()
    broken: str = ""
    """A promise that Updraft itself did not keep; the run was not looked at any further. Else empty."""

    @property
    def is_as_without(self) -> bool:
        """Whether everything ended as without faults."""
        return not self.differences and not self.broken


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One run of a DAG as it ended without faults, with all that it takes to have it again elsewhere."""

    dag: Dag
    version: DagVersion
    graph: Graph
    wanted: WantedRun
    finished: FinishedRun

    @property
    def never_killed(self) -> tuple[str, ...]:
        """The tasks that have no try to spare: a dead worker would be their end."""
        ran = (item for item in self.finished.instances if item.try_number and not self._is_empty(item))
        return tuple(dict.fromkeys(item.task_id for item in ran if not self._tries_to_spare(item)))

    def _is_empty(self, item: TaskInstance) -> bool:
        return self.graph.task(item.task_id).is_empty

    def spare_tries(self) -> dict[Instance, int]:
        """How many tries each task instance may lose without ending otherwise."""
        return {
            (item.task_id, item.map_index): self._tries_to_spare(item) for item in self.finished.instances
        }

    def _tries_to_spare(self, item: TaskInstance) -> int:
        return self.graph.task(item.task_id).retries + 1 - item.try_number

    def differences(self, run: FinishedRun) -> tuple[Difference, ...]:
        """What of another such run ended otherwise."""
        return tuple(self._compared(run))

    def _compared(self, run: FinishedRun) -> Iterator[Difference]:
        if self.finished.run.state != run.run.state:
            yield Difference(
                task_id=None, map_index=-1, was=self.finished.run.state, became=run.run.state, reason=""
            )
        before = {(item.task_id, item.map_index): item for item in self.finished.instances}
        after = {(item.task_id, item.map_index): item for item in run.instances}
        for task_id, map_index in dict.fromkeys((*before, *after)):
            old, new = before.get((task_id, map_index)), after.get((task_id, map_index))
            was, became = old.state if old else None, new.state if new else None
            if was != became:
                reason = (new.reason if new else None) or ""
                yield Difference(task_id=task_id, map_index=map_index, was=was, became=became, reason=reason)


def model_of(laboratory: Laboratory, wanted: WantedRun) -> Model:
    """Run it without faults. Raises ``DagNotFound``, ``DagRunAlreadyExists`` and ``InvalidRequest``."""
    dag = dag_to_run(laboratory.engine, wanted.dag_id)
    version = laboratory.engine.store.dags.version(dag.dag_id, dag.version)
    if version is None:
        raise VersionMissing(f"version {dag.version} of DAG {dag.dag_id} is not kept")
    return Model(
        dag=dag,
        version=version,
        graph=graph_from_document(version.document),
        wanted=wanted,
        finished=laboratory.run(wanted, is_limited=True),
    )


class Attempt:
    """The run of a model once more, in a world of its own, under the faults of a seed.

    With None for a seed there are none. The same seed makes the same faults as long as the tasks do the
    same. ``tell`` is told what happens, ``tell_try`` of each try with its log.
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        seed: int | None,
        *,
        tell: Callable[[Occurrence], None] = lambda _occurrence: None,
        tell_try: Callable[[TryRequest, TryReport], None] = lambda _request, _report: None,
    ) -> None:
        self._model = model
        self._seed = seed
        self._tell = tell
        self._tell_try = tell_try
        store = MemoryStore()
        self._run_try = run_try(folder, store.variables)
        self._spare = model.spare_tries()
        self._faults: Counter[Kind] = Counter()
        self._ran: Counter[Instance] = Counter()
        self._world = World(
            run_try=self._counted,
            run_callbacks=run_callbacks(folder, store.variables),
            run_window=run_window(folder, store.variables),
            ask_timetable=ask_timetable(folder, store.variables),
            choose=random.Random(seed),  # noqa: S311 - nobody is to be surprised
            clock=Clock(max(datetime.now(UTC), model.wanted.execution_date)),
            store=store,
        )

    def run(self) -> FaultyRun:
        """Run it to its end."""
        run, broken = None, ""
        with self._world.seen_by_tasks():
            try:
                run = self._to_its_end(self._started())
            except PromiseBroken as error:
                broken = str(error)
        tries = {(item.task_id, item.map_index): item.try_number for item in self._model.finished.instances}
        return FaultyRun(
            seed=self._seed,
            faults={kind: self._faults[kind] for kind in Kind if self._faults[kind]},
            repeated={instance: ran for instance, ran in self._ran.items() if ran > tries.get(instance, 0)},
            run=run,
            differences=self._model.differences(run) if run else (),
            broken=broken,
        )

    def _started(self) -> DagRun:
        """Deploy the DAG, unpaused and without its schedule, and create the run."""
        store = self._world.store
        store.dags.save_version(self._model.version)
        store.dags.save(replace(self._model.dag, is_paused=False, next_run=None, latest_run=None))
        take_bounds_off_pools(self._world.engine, self._model.graph)
        wanted = self._model.wanted
        return create_run(
            self._world.engine,
            RunRequest(
                dag_id=wanted.dag_id,
                execution_date=wanted.execution_date,
                triggered_by="simulate",
                conf=wanted.conf,
            ),
        )

    def _to_its_end(self, made: DagRun) -> FinishedRun:
        if self._seed is None:
            self._world.settle(made.dag_id, _LONGEST)
        else:
            self._disturb()
        run = self._world.store.dag_runs.get(made.dag_id, made.execution_date)
        if run is None:
            raise PromiseBroken("the run is gone")
        return finished(replace(self._world.engine, store=self._world.store), run, self._model.graph)

    def _disturb(self) -> None:
        crowd = Crowd(
            self._world,
            self._model.graph,
            faults=FAILED_CALLS,
            repeats=REPEATED_MESSAGES,
            delays=DELAYED_MESSAGES,
            kills=KILLED_IN_USER_CODE,
            eagerness=0.9,
            may_fail=self._may_fail,
            tell=self._note,
        )
        for _ in range(_STEPS + _STEPS_PER_TASK * len(self._model.graph.tasks)):
            if not crowd.handlers and not self._world.queue.waiting:
                break
            crowd.step()
        crowd.settle(_LONGEST)

    def _note(self, occurrence: Occurrence) -> None:
        if occurrence.kind not in (Kind.HANDLED, Kind.TIME):
            self._faults[occurrence.kind] += 1
        self._tell(occurrence)

    def _may_fail(self, handler: Handler) -> bool:
        message = decode(handler.entry.message)
        if not isinstance(message, RunTask):
            return True
        return message.try_number <= self._spare.get((message.task_id, message.map_index), 0)

    def _counted(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        if request.pokes == 0 and request.deferral is None:
            self._ran[request.task_id, request.map_index] += 1
        report = self._run_try(request, xcoms)
        self._tell_try(request, report)
        return report
