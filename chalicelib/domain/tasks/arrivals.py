"""Arrivals: the notes that the end of a task leaves at the joins after it, and their meaning there."""

from dataclasses import dataclass

from chalicelib.domain.graph.graph import Graph, MaySkip, Task
from chalicelib.domain.graph.join import BUCKET_SIZE, END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import Arrived, TriggerRule
from chalicelib.domain.states import FAILURE_STATES, FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks.keys import bucket_key, join_key, task_key
from chalicelib.domain.tasks.notes import (
    COMPLETE,
    HEARD,
    OWED,
    REPORTS,
    SETUP_FAILED,
    SETUP_SKIPPED,
    SETUP_SUCCESS,
    SKIP_ORDER,
    Notes,
    arrived_numbers,
)
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import VOID, coded, standing

_SETUP_STATES = {
    SETUP_SUCCESS: TaskInstanceState.SUCCESS,
    SETUP_SKIPPED: TaskInstanceState.SKIPPED,
    SETUP_FAILED: TaskInstanceState.FAILED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a task leaves its notes of one join."""

    key: str
    """Of the item."""
    number: int
    """The number under which it leaves them there."""
    bucket: int | None = None
    """The one of the join's buckets that it is in, if the join has some."""


def place_at(graph: Graph, join: Join, task_id: str) -> Place:
    """The place of a task at a join.

    At the end of the run, a task for which the graph has no place gets one after all that have.
    """
    if join.task_id == END_OF_RUN and not graph.reports(task_id):
        return Place(key=join_key(join), number=join.size + graph.number(task_id))
    number = join.number(task_id)
    if not join.bucket_count:
        return Place(key=join_key(join), number=number)
    bucket, place = divmod(number, BUCKET_SIZE)
    return Place(key=bucket_key(join, bucket), number=place, bucket=bucket)


def distant_place(graph: Graph, orderer: str, task_id: str) -> Place:
    """Where a task leaves its orders at one further down that does not hear of its end."""
    join = graph.join_before(task_id)
    return Place(key=task_key(task_id), number=join.size + graph.number(orderer))


def joins_after(graph: Graph, item: TaskInstance) -> tuple[Join, ...]:
    """The joins that hear of a task instance's end: the graph's, and the run's end if it was asked to."""
    joins = graph.joins_after(item.task_id)
    if not item.notes.get(REPORTS) or graph.reports(item.task_id):
        return joins
    return (*joins, graph.end_of_run)


def distant_places(graph: Graph, task_id: str) -> tuple[Place, ...]:
    """Where a task may leave orders at tasks that do not hear of its end, whatever that is."""
    task = graph.tasks[task_id]
    ordered = graph.descendants(task_id) if task.may_skip is MaySkip.ALL else frozenset()
    ordered = ordered.union(graph.needing(task_id))
    distant = sorted(ordered - _hearing(graph, task_id), key=graph.number) if ordered else ()
    return tuple(distant_place(graph, task_id, name) for name in distant)


def _hearing(graph: Graph, task_id: str) -> frozenset[str]:
    """The tasks that hear of a task's end: what it orders of them comes with that."""
    return frozenset(join.task_id for join in graph.joins_after(task_id))


def head_number(bucket: int, notes: Notes) -> int:
    """The number under which a bucket with these notes tells its join: anew once some of them are void."""
    return coded(bucket, len(notes.get(VOID, ())))


def has_arrived(notes: Notes, number: int, clears: int) -> bool:
    """Whether a task that has been cleared so often has told of its end under this number.

    Also where that is void by now.
    """
    code = coded(number, clears)
    return any(code in notes.get(name, ()) for name in (*FINAL_STATES, HEARD))


def is_only_upstream(graph: Graph, join: Join) -> bool:
    """Whether the end of a join's one upstream tells all that its task has to know.

    Not where a task further up may have decided about it; ``always`` opens with the run.
    """
    if join.task_id == END_OF_RUN or join.size != 1 or join.trigger_rule is TriggerRule.ALWAYS:
        return False
    return not graph.distant_orderers(join.task_id)


def notes_of(join: Join, ended: TaskInstance, graph: Graph) -> tuple[str, ...]:
    """The names of the notes that an ended task leaves at a join.

    At the end of the run only leaves count: a failed task inside the graph whose followers recovered
    does not make the run fail.
    """
    name: str = ended.state or TaskInstanceState.REMOVED
    if join.task_id == END_OF_RUN:
        return (name if ended.task_id in graph.decisive else TaskInstanceState.SUCCESS,)
    if ended.task_id in join.listens_to:
        return (HEARD, *_orders(graph, ended, join.task_id))
    if graph.tasks[ended.task_id].is_setup and graph.tasks[join.task_id].is_teardown:
        return (name, _setup_note(ended), *_orders(graph, ended, join.task_id))
    return (name, *_orders(graph, ended, join.task_id))


def distant_orders(graph: Graph, ended: TaskInstance) -> dict[str, dict[str, int]]:
    """The notes to leave, before any arrival, at tasks further down that do not listen; by item key.

    What listens (and the direct successors) gets them with the arrival.
    """
    needing = graph.needing(ended.task_id)
    told = _hearing(graph, ended.task_id) if ended.skips or needing else frozenset()
    orders: dict[str, dict[str, int]] = {}
    for task_id in dict.fromkeys((*ended.skips, *needing)):
        names = _orders(graph, ended, task_id) if task_id in graph.tasks and task_id not in told else ()
        if names:
            place = distant_place(graph, ended.task_id, task_id)
            orders[place.key] = dict.fromkeys(names, coded(place.number, ended.clears))
    return orders


def _orders(graph: Graph, ended: TaskInstance, task_id: str) -> tuple[str, ...]:
    """The notes by which an ended task decides about another."""
    skip = (SKIP_ORDER,) if task_id in ended.skips else ()
    if ended.state is TaskInstanceState.SUCCESS or ended.task_id not in graph.indirect_setups[task_id]:
        return skip
    return (*skip, _setup_note(ended))


def _setup_note(ended: TaskInstance) -> str:
    notes = {state: note for note, state in _SETUP_STATES.items()}
    return notes.get(ended.state or TaskInstanceState.REMOVED, SETUP_FAILED)


def sole_arrival(graph: Graph, ended: TaskInstance, successor: Task) -> Arrived:
    """What a successor with this one upstream knows once it has ended."""
    is_setup_of = graph.tasks[ended.task_id].is_setup and successor.is_teardown
    return Arrived(
        seen=frozenset({ended.state}) if ended.state else frozenset(),
        complete=True,
        skip_ordered=successor.task_id in ended.skips,
        setups=frozenset({_SETUP_STATES[_setup_note(ended)]}) if is_setup_of else frozenset(),
        lacks_upstream=bool(graph.join_before(successor.task_id).missing),
    )


def arrived(graph: Graph, join: Join, notes: Notes) -> Arrived:
    """What the notes on a join's item say of its upstreams."""
    notes = standing(notes)
    return Arrived(
        seen=frozenset(state for state in FINAL_STATES if notes.get(state)),
        complete=_is_complete(join, notes),
        settled=_is_settled(join, notes),
        skip_ordered=bool(notes.get(SKIP_ORDER)),
        skip_came_first=_skip_came_first(graph, join, notes),
        setups=frozenset(state for note, state in _SETUP_STATES.items() if notes.get(note)),
        lacks_upstream=bool(join.missing),
    )


def _is_complete(join: Join, notes: Notes) -> bool:
    numbers = arrived_numbers(notes)
    if not notes.get(OWED, frozenset()) <= numbers:
        return False
    if join.bucket_count:
        return len(notes.get(COMPLETE, ())) == join.bucket_count
    return sum(number < join.size for number in numbers) == join.size


def _is_settled(join: Join, notes: Notes) -> bool:
    if join.bucket_count:
        return {number // BUCKET_SIZE for number in join.skippers} <= set(notes.get(COMPLETE, ()))
    return join.skippers <= arrived_numbers(notes)


def _skip_came_first(graph: Graph, join: Join, notes: Notes) -> bool:
    """Whether each failed upstream lies downstream of a skipped one (unknown where buckets meet)."""
    skipped = {join.upstream[number] for number in notes.get(TaskInstanceState.SKIPPED, ())}
    if not skipped or join.bucket_count:
        return False
    failed = (join.upstream[number] for state in FAILURE_STATES for number in notes.get(state, ()))
    return all(graph.ancestors(name) & skipped for name in failed)
