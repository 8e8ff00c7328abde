"""``RunsForTry``: runs of other DAGs, made, found and cleared on behalf of a try that runs.

User code has no rights of its own at the store, so the worker that runs a try does this for it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.idempotency import IdempotencyKey
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.plans.by_hand import Choice
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, sees
from chalicelib.domain.runs.other_runs import (
    NoOtherRuns,
    OtherDag,
    OtherRun,
    TaskStates,
    WantedRun,
    WatchedRun,
    WatchedTasks,
)
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marked import marked_by
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import get_dag_run
from chalicelib.engine.runs.create import RunRequest, create_run_once

_READ_ONE_BY_ONE = 3
"""Of so many tasks the items are read one by one; of more, all items of the run in one go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsForTrigger(NoOtherRuns):
    """Implements ``domain.runs.other_runs.OtherRuns`` for a trigger, which may look only."""

    engine: Engine

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:
        """The run of that date (1 request), else the one of that id (3 requests)."""
        runs = self.engine.store.dag_runs
        if execution_date is not None:
            dag, run = runs.get_with_dag(dag_id, execution_date)
            if dag is not None and run is not None and not dag.is_deleted and sees(dag, run):
                return _told(run)
        dag = None if run_id is None else self.engine.store.dags.get(dag_id)
        if run_id is None or dag is None or dag.is_deleted:
            return None
        run = runs.get_by_run_id(dag_id, run_id)
        return _told(run) if run is not None and sees(dag, run) else None

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:
        """The runs of these dates, with how the tasks stand: 2 requests, and per run those of its items."""
        dag = self.engine.store.dags.get(watched.dag_id)
        if dag is None or dag.is_deleted:
            return ()
        dates = dict.fromkeys(watched.execution_dates)
        found = self.engine.store.dag_runs.get_many(watched.dag_id, dates)
        return tuple(self._seen(dag, run, watched) for run in found if sees(dag, run))

    def _seen(self, dag: Dag, run: DagRun, watched: WatchedTasks) -> WatchedRun:
        graph = graph_of_run(self.engine, run)
        task_ids = watched.task_ids
        if watched.group_id is not None:
            task_ids = self._groups(dag, run.version).get(watched.group_id, ())
        wanted = [task_id for task_id in dict.fromkeys(task_ids) if task_id in graph.tasks]
        states: dict[str, list[TaskInstance]] = {task_id: [] for task_id in wanted}
        for item in self._items(run, graph, wanted):
            states[item.task_id].append(item)
        return WatchedRun(
            run=_told(run),
            tasks=tuple(
                TaskStates(
                    task_id=task_id,
                    states=tuple(item.state for item in items if item.state is not None),
                    undecided=sum(item.state is None for item in items),
                )
                for task_id, items in states.items()
            ),
        )

    def _items(self, run: DagRun, graph: Graph, task_ids: list[str]) -> Iterable[TaskInstance]:
        tasks = [graph.tasks[task_id] for task_id in task_ids]
        if len(tasks) <= _READ_ONE_BY_ONE and not any(task.is_mapped for task in tasks):
            return [self.engine.instance(run.run_uid, task.task_id) for task in tasks]
        return self.engine.items(run.run_uid).all_instances(tasks)

    def dag(self, dag_id: str) -> OtherDag | None:
        """The DAG; 1 request, and 1 for its version where this process has not read it."""
        dag = self.engine.store.dags.get(dag_id)
        version = None if dag is None else self.engine.store.dags.version(dag_id, dag.version)
        if dag is None or dag.is_deleted or not dag.is_active or version is None:
            return None
        return OtherDag(
            dag_id=dag_id,
            is_paused=dag.is_paused,
            task_ids=frozenset(task["task_id"] for task in version.document["tasks"]),
            group_ids=frozenset(version.document.get("groups", {})),
        )

    def _groups(self, dag: Dag, version: str) -> dict[str, tuple[str, ...]]:
        found = self.engine.store.dags.version(dag.dag_id, version)
        groups = {} if found is None else found.document.get("groups", {})
        return {group_id: tuple(task_ids) for group_id, task_ids in groups.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunsForTry(RunsForTrigger):
    """Implements ``domain.runs.other_runs.OtherRuns`` for one try in one invocation."""

    request: TryRequest
    _calls: Iterator[int] = field(default_factory=count)

    def trigger(self, wanted: WantedRun) -> OtherRun:
        """Make a run; 3 requests and 1 message.

        An answer of the store that was lost makes no second run: the call has a key of its own, made of the
        try's identity, the pokes and windows of triggers before it, and the number of the call.
        """
        request = RunRequest(
            dag_id=wanted.dag_id,
            execution_date=wanted.execution_date,
            triggered_by=f"task {self.request.dag_id}.{self.request.task_id}",
            run_id=wanted.run_id,
            is_undated=wanted.is_undated,
            conf=wanted.conf,
        )
        key = self._key(wanted)
        try:
            made = create_run_once(self.engine, request, key, _answer)
        except StoreUnavailable:
            made = create_run_once(self.engine, request, key, _answer)
        run: OtherRun = typed(OtherRun, json.loads(made.answer))
        return run

    def _key(self, wanted: WantedRun) -> IdempotencyKey:
        own = self.request
        windows = own.deferral.window if own.deferral else 0
        call = f"{own.task_id}#{own.map_index}#{own.try_number}#{own.pokes}#{windows}#{next(self._calls)}"
        return IdempotencyKey.of(call, json.dumps(plain(wanted)).encode(), "task", own.run_uid)

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:
        """Let all tasks of a run, or those that failed, run again, with what they mark in other DAGs."""
        standing = get_dag_run(self.engine, run.dag_id, run.execution_date)
        choice = Choice(only_failed=only_failed)
        request = ClearRequest(dag_id=run.dag_id, execution_date=run.execution_date, choice=choice)
        for each in (request, *marked_by(self.engine, standing, choice)):
            clear_tasks(self.engine, each)


def _answer(run: DagRun) -> str:
    return json.dumps(plain(_told(run)))


def _told(run: DagRun) -> OtherRun:
    return OtherRun(dag_id=run.dag_id, run_id=run.run_id, execution_date=run.execution_date, state=run.state)
