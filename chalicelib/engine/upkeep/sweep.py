"""The sweep of a run: it finds what was lost, and makes it good.

Invariant I4: nothing waits for ever. Each unfinished run has a due time; the tick sends one message
for each run that is due, and its handler compares the whole run with what should be so.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.messages import RescueRun
from chalicelib.domain.plans.deadlock import is_deadlocked
from chalicelib.domain.plans.repairs import (
    SWEEP_INTERVAL,
    Repair,
    RepairKind,
    end_is_due,
    next_look,
    repairs,
)
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, sees
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.runs.timeout import TIMED_OUT
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import Expected
from chalicelib.engine.by_hand import carry_out
from chalicelib.engine.engine import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.runs.end import end_tasks_of, fail_run
from chalicelib.engine.runs.start import in_progress, put_off, start_run
from chalicelib.engine.runs.timeout import is_timed_out, next_look_before_timeout
from chalicelib.engine.tasks import deferring, owed_callbacks
from chalicelib.engine.tasks.advance import RunInProgress
from chalicelib.engine.tasks.try_end import finish, write_end
from chalicelib.engine.upkeep import deletion

log = logging.getLogger(__name__)


def resume(engine: Engine) -> None:
    """After the whole server was stopped: no worker of before is alive, every unfinished run goes on.

    To be called before anything of the new server start.
    """
    outbox = Outbox(sender=engine.sender)
    now = engine.now()
    for dag in engine.store.dags.list():
        for date in _going_on(engine, dag):
            outbox.post(RescueRun(dag_id=dag.dag_id, execution_date=date, stopped_at=now))
    outbox.flush()


def _going_on(engine: Engine, dag: Dag) -> Iterator[datetime]:
    """The unfinished runs of a DAG, without those that it keeps queued while it is paused."""
    dates = (entry.run.execution_date for entry in engine.store.dag_runs.unfinished(dag.dag_id))
    if not dag.is_paused:
        return dates
    found = engine.store.dag_runs.get_many(dag.dag_id, dates)
    return (run.execution_date for run in found if not _is_kept_queued(dag, run))


def _is_kept_queued(dag: Dag, run: DagRun) -> bool:
    return run.state is DagRunState.QUEUED and dag.is_paused_for(run.run_type)


def look_after(engine: Engine, message: RescueRun) -> None:
    """Compare a run with what should be so, and make good what was lost."""
    dag, run = engine.store.dag_runs.get_with_dag(message.dag_id, message.execution_date)
    if run is None:
        return
    if dag is None or dag.is_deleted or not sees(dag, run):
        deletion.erase_run(engine, run)
        return
    if run.state.is_final:
        end_tasks_of(engine, run)
        return
    if run.state is DagRunState.QUEUED:
        engine.store.dag_runs.move_due(run.ref, engine.now() + SWEEP_INTERVAL)
        start_run(engine, dag, run)
        return
    if not dag.is_paused and is_timed_out(engine, run):
        fail_run(engine, run, TIMED_OUT)
        return
    _sweep(engine, dag, run, message.stopped_at)


def _sweep(engine: Engine, dag: Dag, run: DagRun, stopped_at: datetime | None) -> None:
    progress = in_progress(engine, run)
    items = _with_none_withheld(engine, engine.items(run.run_uid))
    now = engine.now()
    found = repairs(progress.graph, items, now, stopped_at)
    if dag.is_paused_for(run.run_type) and not any(
        item.state in _GOES_ON_WHILE_PAUSED for item in items.begun()
    ):
        put_off(engine, run.ref)
    else:
        due_at = next_look_before_timeout(engine, run, otherwise=next_look(items, found, now))
        engine.store.dag_runs.move_due(run.ref, due_at)
    if being_cleared := {r.item.key: r.item.clears for r in found if r.kind is RepairKind.CLEAR}:
        carry_out.finish_clearing(progress, run, items, being_cleared)
    for repair in found:
        if repair.kind is RepairKind.TAKE_SLOTS:
            progress.flush()  # there may be too many of these for one invocation: what is due first goes out
        if not dag.is_paused_for(run.run_type) or repair.kind in _DONE_WHILE_PAUSED:
            names = {"run_id": run.run_id, "task_id": repair.task.task_id}
            log.info("run %s of %s: %s %s", run.run_id, run.dag_id, repair.kind, repair.item.key, extra=names)
            _carry_out(progress, repair)
    if end_is_due(progress.graph, items):
        progress.close_if_over(items.end_of_run)
    elif not found and is_deadlocked(progress.graph, items):
        progress.close_deadlocked()
    progress.flush()


def _with_none_withheld(engine: Engine, items: RunItems) -> RunItems:
    """Let begin what was withheld when the run timed out: it was cleared since, and goes on."""
    withheld = [item for item in items.by_key.values() if item.is_withheld]
    if not withheld:
        return items
    tasks, change = engine.store.task_instances, changes.let_begin(engine.now())
    expected = Expected(states=frozenset({None}), is_withheld=True)
    written = (tasks.transition(item.run_uid, item.key, expected, change).item for item in withheld)
    return RunItems(items.run_uid, {**items.by_key, **{item.key: item for item in written}})


_DONE_WHILE_PAUSED = frozenset(
    {
        RepairKind.LOST,
        RepairKind.INTERRUPTED,
        RepairKind.POKE,
        RepairKind.TRIGGER,
        RepairKind.FOLLOW,
    }
)
"""A paused DAG starts nothing, but what ran may end, and triggers go on."""

_GOES_ON_WHILE_PAUSED = frozenset({TaskInstanceState.RUNNING, TaskInstanceState.DEFERRED})


def _carry_out(progress: RunInProgress, repair: Repair) -> None:
    task, item = repair.task, repair.item
    match repair.kind:
        case RepairKind.OPEN:
            progress.open(task, item, redo=True)
        case RepairKind.RESEND:
            progress.tries.resend(item)
        case RepairKind.TAKE_SLOTS:
            progress.tries.start(task, item, item.try_number)
        case RepairKind.RETRY:
            owed_callbacks.after_try(progress.engine, progress.graph, progress.facts, item, redo=True)
            progress.tries.close(task, item)
            progress.tries.start(task, item, item.try_number + 1)
        case RepairKind.RESCHEDULE:
            progress.tries.give_back(task, item)
            progress.tries.start(task, item, item.try_number)
        case RepairKind.POKE:
            progress.tries.send(item)
        case RepairKind.TRIGGER:
            deferring.look_after(progress.tries, item)
        case RepairKind.LOST | RepairKind.INTERRUPTED:
            _end_lost_try(progress, repair)
        case RepairKind.FOLLOW:
            progress.after_try(item, redo=True)


def _end_lost_try(progress: RunInProgress, repair: Repair) -> None:
    task, item = repair.task, repair.item
    if repair.kind is RepairKind.LOST:
        finish(progress, item, TryOutcome(result=TryResult.FAILED, reason="its worker is gone"))
        return
    write_end(progress, item, changes.interrupted(progress.facts.ref, item, task, progress.engine.now()))
