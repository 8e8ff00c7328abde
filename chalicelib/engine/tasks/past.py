"""``depends_on_past`` and ``wait_for_downstream``: what a task asks of the run before its own.

A task that has to wait leaves a note on the task instances it waits for (of a mapped task, where all of them
meet), in the one write that tells how they stand. So either they had ended well, or their end finds the note
and sends for the next run.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.messages import Outgoing, RescueRun, StartRun
from chalicelib.domain.plans.checks import previous_run
from chalicelib.domain.plans.past import asked_of_past, state_of_all, states_by_instance
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, RunFacts, RunRef
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import join_key, task_key
from chalicelib.domain.tasks.notes import AWAITED
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.tasks.expanding import literal_levels

_INSTANT = timedelta(microseconds=1)


def waits_for_past(engine: Engine, graph: Graph, facts: RunFacts, task: Task, outbox: Outbox) -> bool:
    """Whether a task has to wait for the previous run; 0 requests unless it depends on past.

    As in Airflow the first instance of a task waits for nothing. 1 request, and 1 for each task that is
    asked for, 2 if that is mapped (all items of a run that is over, once). A previous run that is queued
    is sent for: its start may take the place of a run that waits for it (``engine.runs.giving_way``); 1
    request then, for this run is looked after soon.
    """
    previous = _previous(engine, graph, facts.ref) if task.depends_on_past else None
    if previous is None:
        return False
    earlier = graph_of_run(engine, previous)
    asked = asked_of_past(task, earlier)
    states: dict[str, TaskInstanceState | None] = {}
    unmet = [
        each for each in asked if each.is_mapped and (previous.state.is_final or not _meet(earlier, each))
    ]
    if unmet:
        states |= states_by_instance(engine.items(previous.run_uid), unmet)
    states |= {each.task_id: _awaited(engine, previous, earlier, each) for each in asked if each not in unmet}
    waits = not previous_run(states).passed
    if waits and previous.state is DagRunState.QUEUED:
        engine.store.dag_runs.move_due(facts.ref, engine.now() + SWEEP_INTERVAL)
        outbox.post_once(StartRun(run=previous.ref))
    return waits


def states_in_previous_run(
    engine: Engine, graph: Graph, ref: RunRef, task: Task
) -> Mapping[str, TaskInstanceState | None]:
    """How the task instances stand that a task waits for in the previous run, by their names."""
    previous = _previous(engine, graph, ref) if task.depends_on_past else None
    if previous is None:
        return {}
    asked = asked_of_past(task, graph_of_run(engine, previous))
    return states_by_instance(engine.items(previous.run_uid), asked)


def _previous(engine: Engine, graph: Graph, ref: RunRef) -> DagRun | None:
    earlier = _others(engine, ref, descending=True)
    return next((run for run in earlier if _is_in_series(graph, run)), None)


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


def _meet(graph: Graph, task: Task) -> bool:
    """Whether all instances of a mapped task meet where the next run can ask for them.

    (Not in runs of a version of the DAG in which none asked.)
    """
    return 0 in graph.depths_heard(task)


def _awaited(engine: Engine, run: DagRun, graph: Graph, task: Task) -> TaskInstanceState | None:
    """How a task stands, and a note that it is waited for: on its item, or where its instances meet."""
    levels = literal_levels(task) if task.literal_length else None
    if levels is None:
        item = _note(engine, run, task_key(task.task_id))
        levels = item.levels if task.is_mapped else ()
        if item.state is not None or not levels:
            return item.state
    met = graph.collector(task, 0, levels, 0)
    return state_of_all(met, _note(engine, run, join_key(met)).notes)


def _note(engine: Engine, run: DagRun, key: str) -> TaskInstance:
    return engine.store.task_instances.arrive(run.run_uid, key, {AWAITED: 0}).item
