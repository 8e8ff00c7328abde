"""The dispatch of scheduling messages: each goes to the use case that handles it."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from chalicelib.domain.messages import (
    AlterTasks,
    BackfillDag,
    DagUnpaused,
    EndTasks,
    EraseDag,
    EraseRun,
    FollowTask,
    OpenInstances,
    OpenTasks,
    PokeTask,
    RegisterDatasetEvents,
    RescueRun,
    RetryTask,
    ScheduleDag,
    SchedulingMessage,
    StartRun,
    TimeOutRun,
    WakePool,
    WorkerLost,
)
from chalicelib.domain.plans.steps import Ignore, Later, Send, Start, retry_step
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.lookup import find_run
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.runs.start import in_progress, start_run
from chalicelib.engine.tasks import sleeping
from chalicelib.engine.tasks.advance import RunInProgress
from chalicelib.engine.tasks.try_end import finish

log = logging.getLogger(__name__)

Handler = Callable[[Engine, Any], None]


def handle(engine: Engine, message: SchedulingMessage) -> None:
    """Handle one message; safe to repeat. Raises ``StoreUnavailable``: the message comes again."""
    handler_of(type(message))(engine, message)


def handler_of(kind: type[SchedulingMessage]) -> Handler:
    """The handler of a kind of message; its module is imported when the first of them comes."""
    found = _HANDLERS[kind]
    if not isinstance(found, str):
        return found
    module, _, function = found.partition(":")
    handler: Handler = getattr(import_module(f"{__package__}.{module}"), function)
    return handler


def _start(engine: Engine, message: StartRun) -> None:
    found = find_run(engine, message.run)
    if found is not None:
        start_run(engine, *found)


def _open(engine: Engine, message: OpenTasks) -> None:
    found = find_run(engine, message.run)
    if found is None or found[1].state is not DagRunState.RUNNING:
        return
    progress = in_progress(engine, found[1])
    progress.open_first_tasks(opened=message.opened, redo=True)  # whether it came before is not known
    progress.flush()


def _open_instances(engine: Engine, message: OpenInstances) -> None:
    found = find_run(engine, message.run)
    if found is None or found[1].state is not DagRunState.RUNNING:
        return
    progress = in_progress(engine, found[1])
    progress.open_instances(progress.graph.task(message.task_id), opened=message.opened)
    progress.flush()


def _retry(engine: Engine, message: RetryTask) -> None:
    progress, item = _task_in_progress(engine, message)
    if progress is None or item is None:
        return
    match retry_step(item, message.try_number, engine.now()):
        case Start() as step:
            progress.tries.start(progress.graph.task(item.task_id), item, step.try_number)
        case Later() as step:
            progress.outbox.post(message, step.seconds)
        case Send():
            progress.tries.send(item)
        case Ignore():
            return
    progress.flush()


def _poke(engine: Engine, message: PokeTask) -> None:
    progress, item = _task_in_progress(engine, message)
    if progress is None or item is None:
        return
    sleeping.poke(progress.tries, progress.graph.task(item.task_id), item, message)
    progress.flush()


def _follow(engine: Engine, message: FollowTask) -> None:
    progress, item = _task_in_progress(engine, message)
    if progress is None or item is None:
        return
    progress.after_try(item, redo=True)
    progress.flush()


def _worker_lost(engine: Engine, message: WorkerLost) -> None:
    progress, item = _task_in_progress(engine, message)
    if progress is None or item is None:
        return
    is_its_try = (item.lease_token or "").startswith(message.request_id)
    if item.state is TaskInstanceState.RUNNING and is_its_try:
        log.warning(
            "the worker of try %s of %s in run %s of %s died",
            item.try_number,
            item.task_id,
            progress.facts.run_id,
            message.run.dag_id,
        )
        outcome = TryOutcome(result=TryResult.FAILED, reason="its worker process died")
        finish(progress, item, outcome)
    progress.flush()


def _unpaused(engine: Engine, message: DagUnpaused) -> None:
    outbox = Outbox(sender=engine.sender)
    for entry in engine.store.dag_runs.unfinished(message.dag_id):
        outbox.post(RescueRun.of(entry.run))
    outbox.flush()


def _wake(engine: Engine, message: WakePool) -> None:
    from chalicelib.engine.upkeep import waking

    waking.wake_pool(engine, message.pool)


def _task_in_progress(
    engine: Engine, message: RetryTask | PokeTask | FollowTask | WorkerLost
) -> tuple[RunInProgress | None, TaskInstance | None]:
    found = find_run(engine, message.run)
    if found is None or found[1].state is not DagRunState.RUNNING:
        return None, None
    run = found[1]
    progress = in_progress(engine, run)
    key = task_key(message.task_id, message.map_index)
    return progress, engine.store.task_instances.get(run.run_uid, key)


_HANDLERS: Mapping[type[SchedulingMessage], Handler | str] = {
    StartRun: _start,
    OpenTasks: _open,
    OpenInstances: _open_instances,
    RetryTask: _retry,
    PokeTask: _poke,
    FollowTask: _follow,
    WorkerLost: _worker_lost,
    DagUnpaused: _unpaused,
    WakePool: _wake,
    RescueRun: "upkeep.sweep:look_after",
    EraseDag: "upkeep.deletion:erase_dag",
    EraseRun: "upkeep.deletion:erase_late_writes",
    ScheduleDag: "schedule.clock:schedule_dag",
    BackfillDag: "schedule.backfill:backfill_dag",
    EndTasks: "runs.end:end_tasks",
    TimeOutRun: "runs.timeout:time_out",
    RegisterDatasetEvents: "datasets.registration:register_events",
    AlterTasks: "by_hand.carry_out:alter_tasks",
}
"""The handlers of messages: functions, or ``module:function`` of what a cold start seldom needs."""
