"""``dagrun_timeout``: a run that takes longer fails, and its tasks are ended with it.

A delayed message comes at that time, sent when the run starts; a longer delay than SQS has is waited for
in several. The sweep of the run is the net. A paused DAG's runs do not time out before it is unpaused,
as in Airflow, whose scheduler does not look at them.
"""

from datetime import datetime, timedelta

from chalicelib.domain.messages import TimeOutRun
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.timeout import TIMED_OUT, seconds_left
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.lookup import find_run
from chalicelib.engine.runs.end import fail_run


def time_out(engine: Engine, message: TimeOutRun) -> None:
    """Fail the run if its time has passed, else come again when it has; safe to repeat."""
    found = find_run(engine, message.run)
    if found is None:
        return
    dag, run = found
    if dag.is_paused or run.state is not DagRunState.RUNNING:
        return  # unpausing looks after the runs of the DAG
    left = _seconds_left(engine, run)
    if left == 0:
        fail_run(engine, run, TIMED_OUT)
    elif left is not None:
        engine.send(message, left)


def is_timed_out(engine: Engine, run: DagRun) -> bool:
    """Whether a running run has taken longer than it may."""
    return _seconds_left(engine, run) == 0


def next_look_before_timeout(engine: Engine, run: DagRun, otherwise: datetime) -> datetime:
    """When a running run should be looked after again: when it times out, if that is sooner."""
    left = _seconds_left(engine, run)
    # One that has timed out already belongs to a paused DAG: unpausing looks after it.
    return min(engine.now() + timedelta(seconds=left), otherwise) if left else otherwise


def _seconds_left(engine: Engine, run: DagRun) -> int | None:
    if run.start_date is None:
        return None
    timeout = graph_of(engine, run.dag_id, run.version).dagrun_timeout
    return seconds_left(run.start_date, timeout, engine.now())
