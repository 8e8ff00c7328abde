"""``depends_on_past`` and ``wait_for_downstream``: what a task asks of the run before its own.

Whoever finds that it has to wait leaves a mark on the task instances it waits for, in the one write
that tells how they stand. So either they had ended well, or their end finds the mark and sends for
the next run.
"""

from collections.abc import Iterator
from datetime import timedelta

from chalicelib.domain.dag_runs import DagRun, DagRunType, RunFacts
from chalicelib.domain.graph import Graph, Task
from chalicelib.domain.messages import Outgoing, RescueRun
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.task_instances import AWAITED, task_key
from chalicelib.engine.core import Engine
from chalicelib.engine.graphs import graph_of

_ENDED_WELL = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})

_INSTANT = timedelta(microseconds=1)


def holds_back(engine: Engine, graph: Graph, facts: RunFacts, task: Task) -> bool:
    """Whether a task has to wait for the previous run; 0 requests unless it depends on past.

    As in Airflow the first instance of a task waits for nothing. 1 request, and 1 for each task instance
    that is asked for.
    """
    if not task.depends_on_past:
        return False
    previous = next(_others(engine, graph, facts, descending=True), None)
    if previous is None:
        return False
    known = graph_of(engine, previous.dag_id, previous.version).tasks
    downstream = task.downstream if task.wait_for_downstream else ()
    asked = [name for name in (task.task_id, *downstream) if name in known]
    ended_well = [_ended_well(engine, previous, name) for name in asked]  # a mark on each of them
    return not all(ended_well)


def goes_on(engine: Engine, graph: Graph, facts: RunFacts) -> Iterator[Outgoing]:
    """The message for the next run, a task of which waits for one that has ended; 1 request."""
    following = next(_others(engine, graph, facts, descending=False), None)
    if following is not None:
        rescue = RescueRun(dag_id=following.dag_id, execution_date=following.execution_date)
        yield Outgoing(message=rescue)


def _others(engine: Engine, graph: Graph, facts: RunFacts, *, descending: bool) -> Iterator[DagRun]:
    """The runs before this one, the latest first, or those after it, the earliest first.

    With catchup they are the scheduled ones only, as in Airflow.
    """
    ref = facts.ref
    since = None if descending else ref.execution_date + _INSTANT
    until = ref.execution_date - _INSTANT if descending else None
    for run in engine.store.dag_runs.list(
        ref.dag_id, since=since, until=until, descending=descending, expected=1
    ):
        is_of_the_series = not graph.catchup or run.run_type is not DagRunType.MANUAL
        if run.generation == ref.generation and is_of_the_series:
            yield run


def _ended_well(engine: Engine, run: DagRun, task_id: str) -> bool:
    write = engine.store.task_instances.arrive(run.run_uid, task_key(task_id), {AWAITED: 0})
    return write.item.state in _ENDED_WELL
