"""Cancelled runs: failed by hand, with the tasks that are not over."""

from datetime import datetime

from chalicelib.domain.runs.reasons import MARKED_FAILED
from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import get_dag_run
from chalicelib.engine.runs.end import end_tasks_at_once, fail_run, unfinished_tasks

_NOT_FAILED = frozenset({DagRunState.QUEUED, DagRunState.RUNNING, DagRunState.SUCCESS})


def cancel_run(
    engine: Engine, dag_id: str, execution_date: datetime, *, dry_run: bool = False
) -> list[TaskInstance]:
    """Set a run to failed, and end its tasks with it; those that were not over, as they were.

    As Airflow's ``set_dag_run_state_to_failed``: tasks that run become ``failed`` (their workers have lost
    their leases), others ``skipped``; what is over stays. Nothing changes of a run that has failed.
    Raises ``DagNotFound``, ``DagRunNotFound``; ``StoreUnavailable``: asking again does no harm.
    """
    run = get_dag_run(engine, dag_id, execution_date)
    if run.state is DagRunState.FAILED and run.reason != MARKED_FAILED:
        return []
    unfinished = unfinished_tasks(engine, run, graph_of_run(engine, run))
    if not dry_run:
        engine.store.dag_runs.move_due(run.ref, engine.now())  # the tick finds it soon if the rest is lost
        fail_run(engine, run, MARKED_FAILED, from_states=_NOT_FAILED)
        end_tasks_at_once(engine, run)
    return unfinished
