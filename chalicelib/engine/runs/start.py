"""The start of a run: at once, or when its time and a place have come."""

from datetime import timedelta

from chalicelib.domain.messages import InferInterval, RescueRun, StartRun, TimeOutRun, WakePool
from chalicelib.domain.plans import checks
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunRef
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.timeout import seconds_left
from chalicelib.domain.slots.pools import Waiter
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.runs.giving_way import make_way
from chalicelib.engine.slots import taking, waiting
from chalicelib.engine.tasks.advance import RunInProgress
from chalicelib.engine.tasks.owed_callbacks import after_start

NOT_STARTED_INTERVAL = timedelta(hours=1)
"""How often a run is looked after that waits for something which sends a message when it comes."""


def start_run(engine: Engine, dag: Dag, run: DagRun) -> Waiter | None:
    """Start a queued run and open its first tasks, unless it has to wait.

    One whose data interval is the DAG's own timetable's to say has that asked first. The run
    waits while its DAG is paused (unpausing starts it), until its execution date has come (the tick
    starts it) and while as many runs of its DAG are active as may be: then the answer is the entry
    under which it waits for the end of one of those. All as in Airflow. (There it waits even where one of
    those waits for it; here that one gives way.)
    """
    if run.is_interval_owed:
        engine.send(InferInterval(run=run.ref))
        return None
    now = engine.now()
    if not checks.execution_date_reached(run.execution_date, now).passed:
        engine.store.dag_runs.move_due(run.ref, run.execution_date)
        return None
    if not checks.dag_not_paused(dag, run.run_type).passed:
        put_off(engine, run.ref)
        return None
    limit = graph_of(engine, dag.dag_id, dag.version).active_runs
    if run.state is DagRunState.QUEUED and limit is not None:
        refusal = taking.take_for_run(engine, run, limit).refusal
        if refusal is not None and make_way(engine, run):
            refusal = taking.take_for_run(engine, run, limit).refusal
        if refusal is not None:
            return _wait(engine, run.ref, refusal)
    _start(engine, dag, run)
    return None


def _start(engine: Engine, dag: Dag, run: DagRun) -> None:
    now = engine.now()
    change = DagRunChange(state=DagRunState.RUNNING, start_date=now, updated_at=now)
    queued = frozenset({DagRunState.QUEUED})
    write = engine.store.dag_runs.transition(run.ref, queued, change, fence=run.fence)
    if write.item is None or _is_over(run, write.item):
        leave(engine, run)
        return
    if write.item.state is DagRunState.QUEUED:
        # Its tasks were altered since it was read: the message of that may have come too early.
        engine.send(StartRun(run=run.ref))
        return
    progress = RunInProgress.of(engine, write.item.facts(write.item.start_date or now))
    after_start(progress.graph, progress.facts, progress.outbox)
    if write.item.fence:
        # Its tasks were altered by hand: where they stand has to be looked at.
        progress.outbox.post(RescueRun.of(run))
    else:
        progress.open_first_tasks(redo=not write.applied)
    _time_out_later(progress)
    progress.flush()
    if dag.latest_run is None or dag.latest_run.execution_date <= run.execution_date:
        engine.store.dags.set_latest_run(write.item)


def _is_over(run: DagRun, standing: DagRun) -> bool:
    """Whether a run is over that was read before; maybe it goes on again, under another clear number."""
    return standing.state.is_final or standing.clear_number != run.clear_number


def leave(engine: Engine, run: DagRun) -> None:
    """Give back the place of a run that is over as it was read, and wake its waiters; safe to repeat."""
    progress = in_progress(engine, run)
    progress.leave(run)
    progress.flush()


def _wait(engine: Engine, run: RunRef, refusal: taking.Refusal) -> Waiter:
    waiter = waiting.waiting_run(run, refusal.pool)
    engine.store.dag_runs.move_due(run, engine.now() + NOT_STARTED_INTERVAL)
    if waiting.enter_waiter(engine, waiter):
        engine.send(WakePool(pool=waiter.pool))
    return waiter


def put_off(engine: Engine, run: RunRef) -> None:
    """Look after a run of a paused DAG seldom: unpausing sends a message for it."""
    engine.store.dag_runs.move_due(run, engine.now() + NOT_STARTED_INTERVAL)
    dag = engine.store.dags.get(run.dag_id)
    if dag is not None and not dag.is_paused:
        # Unpaused since it was read: the message of that may have been handled before the run was put off.
        engine.store.dag_runs.move_due(run, engine.now() + SWEEP_INTERVAL)


def _time_out_later(progress: RunInProgress) -> None:
    facts = progress.facts
    left = seconds_left(facts.start_date, progress.graph.dagrun_timeout, progress.engine.now())
    if left is not None:
        progress.outbox.post(TimeOutRun(run=facts.ref), left)


def in_progress(engine: Engine, run: DagRun) -> RunInProgress:
    """A running run, to go on with."""
    return RunInProgress.of(engine, run.facts(run.start_date or run.queued_at))
