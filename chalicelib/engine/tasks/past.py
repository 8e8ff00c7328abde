"""``depends_on_past`` and ``wait_for_downstream``: what a task asks of the run before its own.

A task that has to wait leaves a note on the task instances it waits for, in the one write
that tells how they stand. So either they had ended well, or their end finds the note and sends for
the next run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.messages import Outgoing, RescueRun, StartRun
from chalicelib.domain.plans.checks import previous_run
from chalicelib.domain.plans.giving_way import asked_of_past
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, RunFacts, RunRef
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.notes import AWAITED
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.outbox import Outbox

_INSTANT = timedelta(microseconds=1)


def waits_for_past(engine: Engine, graph: Graph, facts: RunFacts, task: Task, outbox: Outbox) -> bool:
    """Whether a task has to wait for the previous run; 0 requests unless it depends on past.

    As in Airflow the first instance of a task waits for nothing. 1 request, and 1 for each task instance
    that is asked for. A previous run that is queued is sent for: its start may take the place of a run
    that waits for it (``engine.runs.giving_way``); 1 request then, for this run is looked after soon.
    """
    if not task.depends_on_past:
        return False
    previous, asked = _asked(engine, graph, facts.ref, task)
    states = {name: _awaited(engine, previous, name) for name in asked} if previous else {}
    waits = not previous_run(states).passed
    if waits and previous is not None and previous.state is DagRunState.QUEUED:
        engine.store.dag_runs.move_due(facts.ref, engine.now() + SWEEP_INTERVAL)
        outbox.post_once(StartRun(run=previous.ref))
    return waits


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
    earlier = _others(engine, ref, descending=True)
    previous = next((run for run in earlier if _is_in_series(graph, run)), None)
    if previous is None:
        return None, ()
    return previous, asked_of_past(task, graph_of_run(engine, previous).tasks)


def goes_on(engine: Engine, graph: Graph, ref: RunRef, ended: Iterable[TaskInstance]) -> Iterator[Outgoing]:
    """The messages for later runs if a task of them waits for one that has ended; 1 request then."""
    if not any(item.notes.get(AWAITED) for item in ended):
        return
    for following in following_runs(engine, graph, ref):
        if not following.state.is_final:
            yield Outgoing(message=RescueRun.of(following))


def following_runs(engine: Engine, graph: Graph, ref: RunRef) -> Iterator[DagRun]:
    """The runs whose previous run may be this one: up to the next in the series; 1 request per MB."""
    for run in _others(engine, ref, descending=False):
        yield run
        if _is_in_series(graph, run):
            return


def _is_in_series(graph: Graph, run: DagRun) -> bool:
    """Whether a run is the past of others: with catchup only a scheduled one is, as in Airflow."""
    return not graph.catchup or run.run_type is not DagRunType.MANUAL


def _others(engine: Engine, ref: RunRef, *, descending: bool) -> Iterator[DagRun]:
    """The runs before this one, the latest first, or those after it, the earliest first."""
    since = None if descending else ref.execution_date + _INSTANT
    until = ref.execution_date - _INSTANT if descending else None
    for run in engine.store.dag_runs.list(
        ref.dag_id, since=since, until=until, descending=descending, expected=1
    ):
        if run.generation == ref.generation:
            yield run


def _awaited(engine: Engine, run: DagRun, task_id: str) -> TaskInstanceState | None:
    """How a task instance stands, and a note on it that it is waited for."""
    return engine.store.task_instances.arrive(run.run_uid, task_key(task_id), {AWAITED: 0}).item.state


def _state(engine: Engine, run: DagRun, task_id: str) -> TaskInstanceState | None:
    return engine.instance(run.run_uid, task_id).state
