"""Tasks, or a run with all of its tasks, set to success or failed by hand."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.plans.by_hand import Choice, Plan, chosen, marking
from chalicelib.domain.runs.dag_runs import DagRunChange
from chalicelib.domain.runs.reasons import MARKED_SUCCESS
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand import carry_out
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import get_dag_run

MARKED_STATES = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED})
"""What a task instance can be marked as, as in Airflow."""

_NOT_SUCCESS = frozenset({DagRunState.QUEUED, DagRunState.RUNNING, DagRunState.FAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkRequest:
    """Which tasks of the run at that instant (aware) are to have which state; a dry run only tells."""

    dag_id: str
    execution_date: datetime
    choice: Choice
    state: TaskInstanceState
    dry_run: bool = False


def mark_tasks(engine: Engine, request: MarkRequest) -> list[TaskInstance]:
    """Set tasks of a run to a final state; those that had another, as they were, in order.

    As in Airflow: failed tasks downstream of the named ones are cleared along with it, and only that makes
    a run go on that was over. A worker that runs a marked task has lost its lease. What comes after a
    marked task goes on as after a normal end.

    Raises ``DagNotFound``, ``DagRunNotFound``, ``TaskNotFound``, ``InvalidRequest`` (not a state to mark
    a task as); ``StoreUnavailable`` if nothing was done.
    """
    if request.state not in MARKED_STATES:
        raise InvalidRequest(f"A task cannot be marked {request.state}")
    run = get_dag_run(engine, request.dag_id, request.execution_date)
    graph = graph_of_run(engine, run)
    items = engine.items(run.run_uid)
    found, plan = marking(graph, items, request.choice, request.state)
    if not request.dry_run:
        carry_out.alter(engine, run, plan)
    return found


def mark_run_success(
    engine: Engine, dag_id: str, execution_date: datetime, *, dry_run: bool = False
) -> list[TaskInstance]:
    """Set a run and all of its tasks to success; the task instances that had another state, as they were.

    Raises ``DagNotFound``, ``DagRunNotFound``; ``StoreUnavailable``: asking again does no harm.
    """
    run = get_dag_run(engine, dag_id, execution_date)
    graph = graph_of_run(engine, run)
    found = [
        item
        for item in chosen(graph, engine.items(run.run_uid), Choice())
        if item.state is not TaskInstanceState.SUCCESS
    ]
    if dry_run:
        return found
    now = engine.now()
    change = DagRunChange(
        state=DagRunState.SUCCESS, end_date=run.end_date or now, reason=MARKED_SUCCESS, updated_at=now
    )
    engine.store.dag_runs.move_due(run.ref, now)  # should the rest be lost, the tick finds it soon
    engine.store.dag_runs.transition(run.ref, _NOT_SUCCESS, change)
    carry_out.alter(engine, run, Plan(marked={item.key: item.clears for item in found}))
    return found
