"""The inputs of a try: its request, and its XComs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from chalicelib.domain.graph.expansion import OutputOf
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph
from chalicelib.domain.messages import RunTask
from chalicelib.domain.runs.dag_runs import DagRun, RunFacts
from chalicelib.domain.runs.dags import sees
from chalicelib.domain.runs.outcomes import InstanceFacts, TryRequest
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.tasks.changes import began_at
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import previous_success
from chalicelib.engine.ports.store import XComs
from chalicelib.engine.tasks.dataset_inputs import DatasetsForTry

_LOOKED_AT = 10
"""Runs in which a value of prior dates usually is."""


def try_request(engine: Engine, message: RunTask, item: TaskInstance, fileloc: str) -> TryRequest:
    """What the user's code is given in the try of a message, whose task instance is ``item``."""
    run = message.run
    return TryRequest(
        dag_id=run.ref.dag_id,
        fileloc=fileloc,
        run_id=run.run_id,
        run_uid=run.ref.run_uid,
        run_type=run.run_type,
        task_id=message.task_id,
        map_index=message.map_index,
        try_number=message.try_number,
        max_tries=message.max_tries,
        execution_date=run.ref.execution_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_start_date=run.start_date,
        start_date=began_at(item) or run.start_date,
        external_trigger=run.external_trigger,
        is_undated=bool(run.is_undated),
        queued_at=item.queued_dttm,
        conf=json.loads(engine.store.payloads.read(run.conf)),
        map_levels=item.levels,
        has_gaps=_has_gaps(engine, graph_of_run(engine, run), item),
        find_previous_success=partial(previous_success, engine, run.ref),
        find_task_instances=partial(instances_of_run, engine, run),
        datasets=DatasetsForTry(engine, run),
        pokes=item.pokes,
        first_poke_at=item.first_poke_at,
        goes_on=message.begun_at is not None,
        deferral=item.deferral,
    )


def instances_of_run(engine: Engine, run: RunFacts) -> tuple[InstanceFacts, ...]:
    """The task instances of a run as they are now, in topological order; 1 request per MB of them."""
    tasks = graph_of_run(engine, run).tasks.values()
    return tuple(facts_of(item) for item in engine.items(run.ref.run_uid).all_instances(tasks))


def facts_of(item: TaskInstance) -> InstanceFacts:
    """What code of its run may know of a task instance."""
    return InstanceFacts(
        task_id=item.task_id,
        map_index=item.map_index,
        state=item.state,
        try_number=item.try_number,
        max_tries=item.max_tries or 0,
        queued_at=item.queued_dttm,
        start_date=item.start_date,
        end_date=item.end_date,
        duration=item.duration,
    )


def _has_gaps(engine: Engine, graph: Graph, item: TaskInstance) -> bool:
    """Whether instances of a mapped task that a task is mapped over may have left no value.

    1 request, and only where the output of one mapped task is all that it is mapped over.
    """
    expansion = graph.task(item.task_id).expansion
    own = expansion.own if expansion else None
    if not isinstance(own, OutputOf) or not graph.task(own.task_id).is_mapped:
        return True
    source = graph.task(own.task_id)
    length = source.literal_length or engine.instance(item.run_uid, own.task_id).map_length
    return length != item.map_length


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskXComs:
    """The XComs of a run as a running try sees them (``engine.ports.worker.RunningXComs``)."""

    xcoms: XComs
    run_uid: str
    item: TaskInstance
    find_runs: Callable[[XComSource], Iterator[DagRun]] = lambda _: iter(())
    """Finds the runs of a source, the latest first."""

    def push(self, key: str, value: str) -> None:
        """Keep a JSON text as this task's value of that key."""
        self.xcoms.push(self.run_uid, self.item.task_id, self.item.map_index, key, value)

    def pull(self, task_id: str, key: str, map_index: int = NOT_MAPPED) -> str | None:
        """Another task's value of that key as JSON text, or None."""
        return self.xcoms.pull(self.run_uid, task_id, map_index, key)

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Map index and JSON text of each instance of a mapped task that pushed that key, by index."""
        return self.xcoms.pull_all(self.run_uid, task_id, key)

    def elsewhere(self, source: XComSource) -> Iterator["TaskXComs"]:
        """The XComs of other runs, the latest run first."""
        return (self.of_run(run.run_uid) for run in self.find_runs(source))

    def of_run(self, run_uid: str) -> "TaskXComs":
        """The XComs of another run."""
        return replace(self, run_uid=run_uid)


def task_xcoms(engine: Engine, item: TaskInstance, execution_date: datetime) -> TaskXComs:
    """The XComs that a task instance of a run of that date sees."""
    return TaskXComs(
        xcoms=engine.store.xcoms,
        run_uid=item.run_uid,
        item=item,
        find_runs=partial(_runs_of, engine, execution_date),
    )


def _runs_of(engine: Engine, until: datetime, source: XComSource) -> Iterator[DagRun]:
    """The runs of a source, the latest first; 2 requests, and 1 for each further MB of prior runs."""
    dag = engine.store.dags.get(source.dag_id)
    if dag is None or dag.is_deleted:
        return
    if source.include_prior_dates:
        store = engine.store.dag_runs
        runs = store.list(source.dag_id, until=until, descending=True, expected=_LOOKED_AT)
        yield from (run for run in runs if sees(dag, run))
        return
    run = engine.store.dag_runs.get_by_run_id(source.dag_id, source.run_id)
    if run is not None and sees(dag, run):
        yield run
