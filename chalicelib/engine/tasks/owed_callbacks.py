"""Owed callbacks: the message of a callback, sent where an end was written.

At least once: the message goes out at once, after the end was written and before the step that proves it
was sent, so that the repair of a crash in between sends it again. That step is the first arrival at
a successor, for a try that is followed by another the record of it, for a run the removal of its
unfinished entry. A task or DAG without such callbacks costs nothing.
"""

from chalicelib.domain.graph.callbacks import CallbackKind, kind_after_run, kind_after_try, usual_reason
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph
from chalicelib.domain.messages import RunCallback
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, RunFacts
from chalicelib.domain.runs.reasons import ENDED_BY_HAND
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import has_arrived
from chalicelib.domain.tasks.hearers import deeper_successors, hearers_of
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.tasks.expanding import literal_levels


def after_try(engine: Engine, graph: Graph, facts: RunFacts, item: TaskInstance, *, redo: bool) -> None:
    """Have the task called back whose try ended as ``item`` shows, if it wants to be told of such an end.

    What ended without a try calls nothing. ``redo``: the call may have been sent before; 1 request to
    see that.
    """
    kind = kind_after_try(item.state)
    if kind not in graph.task(item.task_id).callbacks or item.lease_token is None:
        return
    if redo and _was_sent(engine, graph, item):
        return
    message = RunCallback(
        run=facts,
        kind=kind,
        reason=item.reason or "",
        error=item.error,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        max_tries=item.max_tries or 0,
        start_date=item.start_date,
        end_date=item.end_date,
    )
    engine.send(message)


def after_start(graph: Graph, facts: RunFacts, outbox: Outbox) -> None:
    """Have the listeners of plugins told that a run has started; a DAG without any costs nothing."""
    if CallbackKind.RUN_STARTED in graph.callbacks:
        outbox.post(RunCallback(run=facts, kind=CallbackKind.RUN_STARTED, reason=""))


def after_run(engine: Engine, graph: Graph, run: DagRun, *, redo: bool) -> None:
    """Have the DAG called back whose run has ended, if it wants to be told of such an end.

    A run that was marked by hand calls nothing, as in Airflow. To be called before the run's unfinished
    entry is removed. ``redo``: the call may have been sent before; 1 request to see that.
    """
    kind = kind_after_run(run.state)
    if kind is None or kind not in graph.callbacks or run.reason in ENDED_BY_HAND:
        return
    if redo and not engine.store.dag_runs.move_due(run.ref, engine.now() + SWEEP_INTERVAL):
        return
    message = RunCallback(
        run=run.facts(run.start_date or run.queued_at),
        kind=kind,
        reason=run.reason or usual_reason(kind),
        end_date=run.end_date,
    )
    engine.send(message)


def _was_sent(engine: Engine, graph: Graph, item: TaskInstance) -> bool:
    """Whether the step stands that comes after the sending."""
    tasks = engine.store.task_instances
    if item.state is TaskInstanceState.UP_FOR_RETRY:
        tries = tasks.finished_tries(item.run_uid, item.task_id, item.map_index)
        return any(finished.try_number == item.try_number for finished in tries)
    return has_told(engine, graph, item)


def has_told(engine: Engine, graph: Graph, item: TaskInstance) -> bool:
    """Whether an ended task instance has left its first arrival, before which all else follows.

    1 request, and 1 for each task after it that has several instances for each of its own.
    """
    task = graph.tasks[item.task_id]
    deeper = deeper_successors(graph, task, len(task.groups)) if item.map_index != NOT_MAPPED else ()
    levels = {
        after.task_id: literal_levels(after) or engine.instance(item.run_uid, after.task_id).levels
        for after in deeper
    }
    hearer = next(hearers_of(graph, item, levels), None)
    if hearer is None:
        return False  # what hears of it is not expanded yet
    place = hearer.path[0]
    told = engine.store.task_instances.get(item.run_uid, place.key)
    return told is not None and has_arrived(told.notes, place.number, item.clears)
