"""Finding the run of a message, and starting it."""

from chalicelib.domain.dag_runs import DagRun, DagRunChange, RunRef
from chalicelib.domain.dags import Dag, holds_back, sees
from chalicelib.domain.states import DagRunState
from chalicelib.engine.core import Engine
from chalicelib.engine.progress import RunInProgress

_LOOKED_AT = 10
"""Runs in which the previous successful one usually is."""


def find_run(engine: Engine, ref: RunRef) -> tuple[Dag, DagRun] | None:
    """The DAG and the run, unless the DAG was deleted or the run is not this one any more."""
    dag, run = engine.store.dag_runs.get_with_dag(ref.dag_id, ref.execution_date)
    if dag is None or run is None or dag.is_deleted or not sees(dag, run) or run.run_uid != ref.run_uid:
        return None
    return dag, run


def previous_success(engine: Engine, ref: RunRef) -> DagRun | None:
    """The DAG's last successful run of an earlier date, of whatever type; 1 request, or 1 per MB of runs."""
    earlier = engine.store.dag_runs.list(
        ref.dag_id, until=ref.execution_date, descending=True, expected=_LOOKED_AT
    )
    own = (run for run in earlier if run.execution_date < ref.execution_date)
    successful = (run for run in own if run.state is DagRunState.SUCCESS and run.generation == ref.generation)
    return next(successful, None)


def start_run(engine: Engine, dag: Dag, run: DagRun) -> None:
    """Start a queued run and open its first tasks, unless it has to wait.

    It waits while its DAG is paused (unpausing starts it) and, as in Airflow, until its execution date
    has come (the tick starts it).
    """
    now = engine.now()
    if run.execution_date > now:
        engine.store.dag_runs.move_due(run.ref, run.execution_date)
        return
    if holds_back(dag, run.run_type) or run.state.is_final:
        return
    change = DagRunChange(state=DagRunState.RUNNING, start_date=now, updated_at=now)
    write = engine.store.dag_runs.transition(run.ref, frozenset({DagRunState.QUEUED}), change)
    if write.item is None or write.item.state is not DagRunState.RUNNING:
        return
    progress = RunInProgress.of(engine, run.facts(write.item.start_date or now))
    progress.open_first_tasks(redo=not write.applied)
    progress.flush()
    if dag.latest_run is None or dag.latest_run.execution_date <= run.execution_date:
        engine.store.dags.set_latest_run(write.item)


def in_progress(engine: Engine, run: DagRun) -> RunInProgress:
    """A running run, to go on with."""
    return RunInProgress.of(engine, run.facts(run.start_date or run.queued_at))
