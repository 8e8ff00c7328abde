"""``max_consecutive_failed_dag_runs``: a DAG so many of whose runs have failed in a row is paused."""

import logging
from itertools import islice

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.failures import is_counted, is_row_of_failures
from chalicelib.engine.engine import Engine

log = logging.getLogger(__name__)

THE_SCHEDULER = "scheduler"
"""What such a pause is said to come from, as in Airflow's audit log."""


def pause_after_failures(engine: Engine, graph: Graph, run: DagRun, *, redo: bool) -> None:
    """Pause the DAG if the end of this run makes the row of failures complete; each end does so only once.

    To be called before the run's place is given to another and its unfinished entry is removed. ``redo``:
    it may have been done before; 1 request to see that. 1 request after a failure, and 1 to pause; none for a
    DAG without such a limit.
    """
    most = graph.most_failures
    if not most or not is_counted(run):
        return
    if redo and not engine.store.dag_runs.move_due(run.ref, engine.now() + SWEEP_INTERVAL):
        return
    latest = engine.store.dag_runs.list(run.dag_id, descending=True, expected=most)
    of_this_life = (each for each in latest if each.generation == run.generation)
    if not is_row_of_failures(list(islice(of_this_life, most)), most):
        return
    log.info("DAG %s is paused: its last %d runs failed", run.dag_id, most, extra={"run_id": run.run_id})
    end = f"{run.run_uid}/{run.clear_number}"
    engine.store.dags.pause_after(run.ref, end, THE_SCHEDULER, engine.now())
