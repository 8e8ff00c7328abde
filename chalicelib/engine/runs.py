"""Finding the run of a message, and starting it."""

from chalicelib.domain.dag_runs import DagRun, DagRunChange, RunRef
from chalicelib.domain.dags import Dag, sees
from chalicelib.domain.messages import RescueRun, TimeOutRun
from chalicelib.domain.run_timeout import seconds_left
from chalicelib.domain.states import DagRunState
from chalicelib.engine.core import Engine
from chalicelib.engine.progress import RunInProgress


def find_run(engine: Engine, ref: RunRef) -> tuple[Dag, DagRun] | None:
    """The DAG and the run, unless the DAG was deleted or the run is not this one any more."""
    dag, run = engine.store.dag_runs.get_with_dag(ref.dag_id, ref.execution_date)
    if dag is None or run is None or dag.is_deleted or not sees(dag, run) or run.run_uid != ref.run_uid:
        return None
    return dag, run


def start_run(engine: Engine, dag: Dag, run: DagRun) -> None:
    """Start a queued run and open its first tasks, unless it has to wait.

    It waits while its DAG is paused (unpausing starts it) and, as in Airflow, until its execution date
    has come (the tick starts it).
    """
    now = engine.now()
    if run.execution_date > now:
        engine.store.dag_runs.move_due(run.ref, run.execution_date)
        return
    if dag.is_paused or run.state.is_final:
        return
    change = DagRunChange(state=DagRunState.RUNNING, start_date=now, updated_at=now)
    write = engine.store.dag_runs.transition(run.ref, frozenset({DagRunState.QUEUED}), change)
    if write.item is None or write.item.state is not DagRunState.RUNNING:
        return
    progress = RunInProgress.of(engine, write.item.facts(write.item.start_date or now))
    if write.item.fence:
        # Its tasks were altered by hand: where they stand has to be looked at.
        progress.outbox.post(RescueRun(dag_id=run.dag_id, execution_date=run.execution_date))
    else:
        progress.open_first_tasks(redo=not write.applied)
    _time_out_later(progress)
    progress.flush()
    if dag.latest_run is None or dag.latest_run.execution_date <= run.execution_date:
        engine.store.dags.set_latest_run(write.item)


def _time_out_later(progress: RunInProgress) -> None:
    facts = progress.facts
    left = seconds_left(facts.start_date, progress.graph.dagrun_timeout, progress.engine.now())
    if left is not None:
        progress.outbox.post(TimeOutRun(run=facts.ref), left)


def in_progress(engine: Engine, run: DagRun) -> RunInProgress:
    """A running run, to go on with."""
    return RunInProgress.of(engine, run.facts(run.start_date or run.queued_at))
