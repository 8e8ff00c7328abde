"""The deletion of a DAG: at once for the one who asks, and in portions for what it leaves behind.

The deletion itself is one write that bumps the DAG's generation: from then on its runs are invisible,
and messages of theirs do nothing. A resumable message removes them. Until it is through, the DAG cannot
be triggered, so that no new run takes the place by which an old one is found; then the DAG comes back,
paused and without runs, if a deployed file still defines it, as with Airflow's next parse.

What an invocation that began before the deletion writes of its run afterwards is removed by further
visits, until one finds nothing; runs that ended long ago have no such invocation. Objects in the bucket
(logs, large values) stay.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.domain import moments
from chalicelib.domain.errors import NoDagToDelete, TaskInstancesRunning
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.messages import EraseDag, EraseRun, WakePool
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, RunRef
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.schedule.clock import renew
from chalicelib.engine.slots import taking, waiting
from chalicelib.settings import MOST_WORKER_TIMEOUT

CHECKED_RUNS = 100
"""Unfinished runs that are searched for running tasks, the oldest first: the answer must not take long."""

PORTION = 100
"""Runs that one message removes: 3 to some 10 requests each, in a handler of 60 s that gets few of these."""

LONGEST_INVOCATION = timedelta(seconds=MOST_WORKER_TIMEOUT)
"""Lambda's limit, whatever the stage asks for: an invocation may have begun under another setting."""

_HOLDING = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})


_MAY_WRITE = frozenset({TaskInstanceState.RUNNING, TaskInstanceState.DEFERRED})
"""What a worker may write XComs of, while it has a lease."""


def delete_dag(engine: Engine, dag_id: str) -> int:
    """Delete a DAG with its runs; how many records of it were seen (Airflow tells a number of rows).

    Takes the same few requests however many runs it has. Raises ``NoDagToDelete``, and
    ``TaskInstancesRunning`` while a live worker runs a task of it. Asked again after ``StoreUnavailable``,
    it may answer ``NoDagToDelete``; the DAG is then deleted.
    """
    dag = engine.store.dags.get(dag_id)
    if dag is None or dag.is_deleted:
        if dag is not None:
            _send_erasure(engine, dag)  # the one who deleted it may not have come to this
        raise NoDagToDelete(dag_id)
    unfinished = [
        entry.run
        for entry in islice(engine.store.dag_runs.unfinished(dag_id, expected=CHECKED_RUNS), CHECKED_RUNS)
        if entry.run.generation == dag.generation
    ]
    if any(_is_running(engine, _items(engine, run)) for run in _without_queued(engine, dag_id, unfinished)):
        raise TaskInstancesRunning
    deleted = engine.store.dags.mark_deleted(dag_id)
    if deleted is None:
        raise NoDagToDelete(dag_id)
    _send_erasure(engine, deleted)
    return 1 + len(unfinished)


def _without_queued(engine: Engine, dag_id: str, unfinished: Sequence[RunRef]) -> list[RunRef]:
    """The runs that may have tasks: of those that wait, which may be thousands, nothing was written."""
    if len(unfinished) <= 1:
        return [*unfinished]
    found = engine.store.dag_runs.get_many(dag_id, (run.execution_date for run in unfinished))
    queued = {run.run_uid for run in found if run.state is DagRunState.QUEUED}
    return [run for run in unfinished if run.run_uid not in queued]


def erase_dag(engine: Engine, message: EraseDag) -> None:
    """Remove some runs of a deleted DAG; the last portion lets the DAG come back.

    Safe to repeat and to interrupt. Does nothing once the DAG is back, or deleted again.
    """
    dag = engine.store.dags.get(message.dag_id)
    if dag is None or dag.generation != message.generation:
        return
    if not dag.is_deleted:
        renew(engine, dag)  # it may have come back with the schedule that its file had before
        return
    runs = engine.store.dag_runs.first(dag.dag_id, PORTION)
    erased = [erase_run(engine, run) for run in runs]
    if len(runs) == PORTION or not all(erased):
        _send_erasure(engine, dag)
        return
    if dag.names_datasets:  # also one that ran by datasets once, and has another schedule by now
        engine.store.dataset_queues.delete_dag(dag.dag_id, dag.generation)
    for limit in graph_of(engine, dag.dag_id, dag.version).limits:
        engine.store.pools.delete(limit.pool)
    if dag.is_active:
        _bring_back(engine, dag)


def erase_late_writes(engine: Engine, message: EraseRun) -> None:
    """Remove the items of a run that is gone, and come again until there are none and can be none."""
    items = _items(engine, message.run)
    now = engine.now()
    until = message.until or now
    if items:
        until = max(until, _ends_at(engine, items) or now + LONGEST_INVOCATION)
    if until > now:
        _erase_run_until(engine, message.run, until)
    _clear(engine, message.run, items)


def erase_run(engine: Engine, run: DagRun) -> bool:
    """Remove a run of an earlier life of its DAG; False if it was started meanwhile (then: once more).

    Safe to repeat and to interrupt: the run itself goes last.
    """
    if run.state is DagRunState.QUEUED:
        _leave_queue(engine, run)
        if not run.fence:  # nothing else was written of a run that did not start
            return _delete(engine, run)
    now = engine.now()
    if not run.is_over_for(LONGEST_INVOCATION, now):
        _erase_run_until(engine, run.ref, now + LONGEST_INVOCATION)
    _clear(engine, run.ref, _items(engine, run.ref))
    return _delete(engine, run)


def _delete(engine: Engine, run: DagRun) -> bool:
    if run.run_type is DagRunType.DATASET_TRIGGERED:
        engine.store.dataset_queues.delete_run(run.run_uid)
    return engine.store.dag_runs.delete(run)


def _leave_queue(engine: Engine, run: DagRun) -> None:
    limit = graph_of(engine, run.dag_id, run.version).active_runs
    if limit is not None:
        engine.store.pools.remove_waiter(waiting.waiting_run(run.ref, limit.pool))


def _clear(engine: Engine, run: RunRef, items: Iterable[TaskInstance]) -> None:
    """Remove all items of a run, unless a try among them is alive: its end needs them."""
    if _ends_at(engine, items) is not None:
        return
    outbox = Outbox(sender=engine.sender)
    graph = graph_of(engine, run.dag_id, run.version)
    for item in items:
        if item.task_id in graph.tasks:
            _let_go(engine, run, graph.tasks[item.task_id], item, outbox)
    outbox.flush()
    for limit in graph.limits_of_run(run.run_uid):
        engine.store.pools.delete(limit.pool)
    engine.store.xcoms.delete_run(run.run_uid)
    engine.store.lineage.delete_run(run.run_uid)
    engine.store.task_instances.delete_run(run.run_uid)  # last: its items say who holds slots


def _let_go(engine: Engine, run: RunRef, task: Task, item: TaskInstance, outbox: Outbox) -> None:
    """Give back the slots that a try holds, or its place among the waiters for some."""
    if item.state is TaskInstanceState.SCHEDULED:
        for waiter in waiting.waiters_of(run, task, item):
            engine.store.pools.remove_waiter(waiter)
    if item.state not in _HOLDING or not _is_abandoned(engine, item):
        return
    for pool in taking.give(engine, task, item.holder, item.pool_parts, item.places):
        outbox.post(WakePool(pool=pool))


def _is_abandoned(engine: Engine, item: TaskInstance) -> bool:
    """Take a try from a worker that might still begin it; the handler that ends it gives slots back."""
    expected = Expected(states=frozenset({item.state}), try_number=item.try_number)
    change = changes.abandoned(engine.now())
    return engine.store.task_instances.transition(item.run_uid, item.key, expected, change).applied


def _items(engine: Engine, run: RunRef) -> list[TaskInstance]:
    return [item for _, item in engine.store.task_instances.list(run.run_uid)]


def _ends_at(engine: Engine, items: Iterable[TaskInstance]) -> datetime | None:
    """When the last live worker among these tries and windows is over for sure; None if there is none."""
    now = engine.now()
    leases = [item.lease_until for item in items if item.state in _MAY_WRITE]
    return max((lease for lease in leases if lease is not None and lease > now), default=None)


def _is_running(engine: Engine, items: Sequence[TaskInstance]) -> bool:
    """Whether a live worker runs one of these tries, or one is a sensor that goes on by itself."""
    running = [item for item in items if item.state is TaskInstanceState.RUNNING]
    return _ends_at(engine, running) is not None or any(item.is_asleep for item in running)


def _bring_back(engine: Engine, dag: Dag) -> None:
    version = engine.store.dags.version(dag.dag_id, dag.version)
    paused = version.document.get("is_paused_upon_creation") if version else None
    is_paused = engine.dags_are_paused_at_creation if paused is None else paused
    now = engine.now()
    next_run = dag.schedule.advance(None, now)
    engine.store.dags.revive(dag.dag_id, dag.generation, is_paused=is_paused, next_run=next_run, at=now)
    if dag.schedule.is_custom:
        revived = engine.store.dags.get(dag.dag_id)
        if revived is not None:
            renew(engine, revived)


def _send_erasure(engine: Engine, dag: Dag) -> None:
    engine.send(EraseDag(dag_id=dag.dag_id, generation=dag.generation))


def _erase_run_until(engine: Engine, run: RunRef, moment: datetime) -> None:
    delay = moments.seconds_until(moment, engine.now())
    engine.send(EraseRun(run=run, until=moment), delay)
