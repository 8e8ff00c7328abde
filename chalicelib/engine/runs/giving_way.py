"""The place of a running run, given up to the run before it, which is queued and which it waits for.

The later run goes back to ``queued`` by one write, then its place is given back. A crash in between leaves
a place that the audit frees, for its holder's name is not the run's any more.
"""

import logging
from collections.abc import Iterator

from chalicelib.domain.messages import StartRun
from chalicelib.domain.plans.giving_way import GiveWay, KeepPlace, place_step
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.runs.requeue import requeue
from chalicelib.engine.tasks import past
from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)


def make_way(engine: Engine, run: DagRun) -> bool:
    """Have a run give way that waits for a queued one and can do nothing else; whether any has.

    1 request, and 1 per MB of the items of both for each run that is asked.
    """
    return any(_give_way(engine, later, step) for later, step in steps_of_later_runs(engine, run))


def steps_of_later_runs(engine: Engine, run: DagRun) -> Iterator[tuple[DagRun, GiveWay | KeepPlace]]:
    """The running runs that follow a queued one, with what they do with their places."""
    graph = graph_of_run(engine, run)
    for later in past.following_runs(engine, graph, run.ref):
        own = graph_of_run(engine, later)
        if later.state is DagRunState.RUNNING and own.depends_on_past:
            items, previous = engine.items(later.run_uid), engine.items(run.run_uid)
            yield later, place_step(own, items, graph, previous)


def _give_way(engine: Engine, later: DagRun, step: GiveWay | KeepPlace) -> bool:
    if not isinstance(step, GiveWay):
        return False
    dag = engine.store.dags.get(later.dag_id)
    if not requeue(engine, later, note=dag is not None and dag.is_altered(later.run_uid)):
        return False
    log.info("run %s of %s gives way: %s", later.run_id, later.dag_id, step.reason)
    progress = RunInProgress.of(engine, later.facts(later.start_date or later.queued_at))
    progress.leave(later)
    progress.outbox.post(StartRun(run=later.ref))
    progress.flush()
    return True
