"""One call of the user's callbacks, in a worker: with the DAG file loaded, after the state was written.

What a callback does or raises changes nothing of its run. One that hangs is ended before its invocation
is, and not called again.
"""

import json
import logging
from datetime import timedelta
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.callbacks import (
    CallbackRequest,
    EndedInstance,
    kind_after_run,
    kind_after_try,
)
from chalicelib.domain.messages import RunCallback
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.ports.worker import RunCallbacks
from chalicelib.engine.tasks.inputs import instances_of_run, task_xcoms

log = logging.getLogger(__name__)


def call_back(
    engine: Engine, message: RunCallback, run_callbacks: RunCallbacks, time_left: timedelta | None = None
) -> None:
    """Handle the message of a callback: each time it comes the callbacks are called again.

    ``time_left`` is the invocation's; callbacks that take longer are ended.

    Whether the DAG is paused or was deleted meanwhile makes no difference to what has ended.
    """
    dag = engine.store.dags.get(message.run.ref.dag_id)
    if dag is None:
        log.warning("%s of DAG %s is not called: the DAG is gone", message.kind, message.run.ref.dag_id)
        return
    conf = json.loads(engine.store.payloads.read(message.run.conf))
    items = _items(engine, message)
    request = CallbackRequest(
        dag_id=dag.dag_id,
        fileloc=dag.fileloc,
        kind=message.kind,
        of_dag=message.task_id is None,
        reason=message.reason,
        error=message.error,
        run_state=_run_state(message),
        run_end_date=message.end_date if message.task_id is None else None,
        find_task_instances=partial(instances_of_run, engine, message.run),
        instances=tuple(_instance(message, dag, item, conf) for item in items),
        time_left=time_left,
    )
    item = items[-1] if items else TaskInstance(run_uid=message.run.ref.run_uid, task_id="")
    xcoms = task_xcoms(engine, item, message.run.ref.execution_date)
    _keep_log(engine, message, run_callbacks(request, xcoms))


def _items(engine: Engine, message: RunCallback) -> list[TaskInstance]:
    """The task instance whose try ended, as it was then; for the DAG's callbacks all of the run.

    Those come in topological order, without what was removed.
    """
    ref = message.run.ref
    if message.task_id is not None:
        return [_ended(message, message.task_id)]
    found = engine.items(ref.run_uid).all_instances(graph_of_run(engine, message.run).tasks.values())
    return [item for item in found if item.state is not TaskInstanceState.REMOVED]


def _ended(message: RunCallback, task_id: str) -> TaskInstance:
    start, end = message.start_date, message.end_date
    return TaskInstance(
        run_uid=message.run.ref.run_uid,
        task_id=task_id,
        map_index=message.map_index,
        state=next(state for state in TaskInstanceState if kind_after_try(state) is message.kind),
        try_number=message.try_number,
        max_tries=message.max_tries,
        start_date=start,
        end_date=end,
        duration=(end - start).total_seconds() if start and end else None,
    )


def _run_state(message: RunCallback) -> DagRunState:
    if message.task_id is not None:
        return DagRunState.RUNNING
    return next(state for state in DagRunState if kind_after_run(state) is message.kind)


def _instance(message: RunCallback, dag: Dag, item: TaskInstance, conf: dict[str, object]) -> EndedInstance:
    run = message.run
    request = TryRequest(
        dag_id=run.ref.dag_id,
        fileloc=dag.fileloc,
        run_id=run.run_id,
        run_uid=run.ref.run_uid,
        run_type=run.run_type,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        max_tries=item.max_tries or 0,
        execution_date=run.ref.execution_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_start_date=run.start_date,
        start_date=item.start_date or run.start_date,
        external_trigger=run.external_trigger,
        is_undated=bool(run.is_undated),
        queued_at=item.queued_dttm,
        conf=conf,
    )
    return EndedInstance(
        request=request,
        state=item.state,
        start_date=item.start_date,
        end_date=item.end_date,
        duration=item.duration,
    )


def _keep_log(engine: Engine, message: RunCallback, text: bytes) -> None:
    run = message.run
    key = None if message.task_id is None else task_key(message.task_id, message.map_index)
    try:
        engine.store.task_logs.save_callback(run.ref, run.run_id, key, message.try_number, message.kind, text)
    except StoreUnavailable:
        log.warning("the log of %s of %s was not kept", message.kind, key or run.ref.dag_id, exc_info=True)
