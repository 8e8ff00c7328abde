"""``depends_on_past`` and ``wait_for_downstream``: what a task asks of the run before its own.

A task that has to wait leaves a note on the task instances it waits for, in the one write
that tells how they stand. So either they had ended well, or their end finds the note and sends for
the next run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.messages import Outgoing, RescueRun
from chalicelib.domain.plans.checks import previous_run
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, RunFacts, RunRef
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.notes import AWAITED
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run

_INSTANT = timedelta(microseconds=1)


def waits_for_past(engine: Engine, graph: Graph, facts: RunFacts, task: Task) -> bool:
    """Whether a task has to wait for the previous run; 0 requests unless it depends on past.

    As in Airflow the first instance of a task waits for nothing. 1 request, and 1 for each task instance
    that is asked for.
    """
    if not task.depends_on_past:
        return False
    previous, asked = _asked(engine, graph, facts.ref, task)
    states = {name: _awaited(engine, previous, name) for name in asked} if previous else {}
    return not previous_run(states).passed


def states_in_previous_run(
    engine: Engine, graph: Graph, ref: RunRef, task: Task
) -> Mapping[str, TaskInstanceState | None]:
    """How the task instances stand that a task waits for in the previous run, by task id."""
    if not task.depends_on_past:
        return {}
    previous, asked = _asked(engine, graph, ref, task)
    return {name: _state(engine, previous, name) for name in asked} if previous else {}


def _asked(engine: Engine, graph: Graph, ref: RunRef, task: Task) -> tuple[DagRun | None, Sequence[str]]:
    """The previous run, and the tasks of it that are waited for."""
    previous = next(_others(engine, graph, ref, descending=True), None)
    if previous is None:
        return None, ()
    known = graph_of_run(engine, previous).tasks
    downstream = task.downstream if task.wait_for_downstream else ()
    return previous, [name for name in (task.task_id, *downstream) if name in known]


def goes_on(engine: Engine, graph: Graph, ref: RunRef, ended: Iterable[TaskInstance]) -> Iterator[Outgoing]:
    """The message for the next run if a task of it waits for one that has ended; 1 request then."""
    if not any(item.notes.get(AWAITED) for item in ended):
        return
    following = next(_others(engine, graph, ref, descending=False), None)
    if following is not None:
        rescue = RescueRun.of(following)
        yield Outgoing(message=rescue)


def _others(engine: Engine, graph: Graph, ref: RunRef, *, descending: bool) -> Iterator[DagRun]:
    """The runs before this one, the latest first, or those after it, the earliest first.

    With catchup they are the scheduled ones only, as in Airflow.
    """
    since = None if descending else ref.execution_date + _INSTANT
    until = ref.execution_date - _INSTANT if descending else None
    for run in engine.store.dag_runs.list(
        ref.dag_id, since=since, until=until, descending=descending, expected=1
    ):
        is_of_the_series = not graph.catchup or run.run_type is not DagRunType.MANUAL
        if run.generation == ref.generation and is_of_the_series:
            yield run


def _awaited(engine: Engine, run: DagRun, task_id: str) -> TaskInstanceState | None:
    """How a task instance stands, and a note on it that it is waited for."""
    return engine.store.task_instances.arrive(run.run_uid, task_key(task_id), {AWAITED: 0}).item.state


def _state(engine: Engine, run: DagRun, task_id: str) -> TaskInstanceState | None:
    return engine.instance(run.run_uid, task_id).state
