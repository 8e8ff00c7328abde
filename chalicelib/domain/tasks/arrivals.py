"""Arrivals: the notes that the end of a task leaves at the joins after it, and their meaning there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, MaySkip, Task
from chalicelib.domain.graph.join import BUCKET_SIZE, END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import Arrived, TriggerRule
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks.keys import bucket_key, join_key
from chalicelib.domain.tasks.notes import (
    ARRIVALS,
    COMPLETE,
    EXPANDED,
    HEARD,
    OWED,
    REPORTS,
    SETUP_FAILED,
    SETUP_SKIPPED,
    SETUP_SUCCESS,
    SKIP_ALL,
    SKIP_ORDER,
    SKIP_UNDECIDED,
    VALUED,
    Notes,
    arrived_numbers,
    ended_numbers,
)
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.tasks.voiding import VOID, coded, decoded, first_that_counts, generation, standing

_NEEDED_STATES = {
    SETUP_SUCCESS: TaskInstanceState.SUCCESS,
    SETUP_SKIPPED: TaskInstanceState.SKIPPED,
    SETUP_FAILED: TaskInstanceState.FAILED,
}

_ORDERS = frozenset({SKIP_ORDER, SKIP_UNDECIDED, SKIP_ALL, SETUP_FAILED, SETUP_SKIPPED})
"""Notes that decide about a task whatever its other upstreams do: a bucket passes them on at once."""

_COUNTED = 2 * BUCKET_SIZE
"""More than the values that can be left in one bucket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where notes are left: an item, and the number that the sender has there."""

    key: str
    """Of the item."""
    number: int
    """The number under which the sender leaves its notes there."""
    size: int
    """How many senders leave notes there."""
    wholes: frozenset[int] = frozenset()
    """The numbers of the senders that tell of themselves before they are complete."""
    heeds: frozenset[TaskInstanceState] = frozenset()
    """The states that are told further on at once."""


Path = tuple[Place, ...]
"""The places that a note goes through: of a bucket, if the join has some, and of the join itself."""


def path_to(join: Join, number: int) -> Path:
    """The places of the sender of that number at a join."""
    if not join.bucket_count:
        return (_own_place(join, number),)
    bucket, place = divmod(number, BUCKET_SIZE)
    within = Place(
        key=bucket_key(join, bucket),
        number=place,
        size=join.bucket_size(bucket),
        wholes=join.wholes_in(bucket),
        heeds=join.heeds,
    )
    return (within, _own_place(join, bucket))


def _own_place(join: Join, number: int) -> Place:
    """A place on the item of the join itself."""
    size = join.bucket_count or join.size
    wholes = frozenset(range(size)) if join.bucket_count else join.wholes
    return Place(key=join_key(join), number=number, size=size, wholes=wholes, heeds=join.heeds)


def path_at(graph: Graph, join: Join, task_id: str) -> Path:
    """The places of a task, all of its instances, at a join before another one or the end of the run."""
    if join.task_id == END_OF_RUN and not graph.reports(task_id):
        return (_own_place(join, join.size + graph.number(task_id)),)
    return path_to(join, join.number(task_id))


def report_path(graph: Graph, item: TaskInstance) -> Path:
    """The places of a task instance at the end of the run, where it was told to report there by itself."""
    end = graph.end_of_run
    if item.map_index == NOT_MAPPED:
        return path_at(graph, end, item.task_id)
    return (_own_place(end, _FIRST_OF_INSTANCES + graph.number(item.task_id) * _INDEXES + item.map_index),)


_FIRST_OF_INSTANCES, _INDEXES = 1_000_000, 100_000
"""At the end of the run, the numbers of mapped instances lie beyond those of tasks."""


def collected_path(join: Join, map_index: int) -> Path:
    """The places of an instance where those of its task meet."""
    return path_to(join, map_index % join.size)


def place_of_whole(join: Join) -> Place:
    """Where it is noted, among the instances of a mapped task, that the task as a whole was cleared.

    What they tell of themselves is numbered by that, too: before it was expanded, or if it was not, the task
    told of itself under the same number.
    """
    return _own_place(join, _WHOLE)


_WHOLE = 999_999
"""More than any index, or bucket of indexes."""


def completion_place(graph: Graph, task_id: str) -> Place:
    """Where the end of the run is told that all upstreams of a task have ended that ended before them."""
    end = graph.end_of_run
    return _own_place(end, end.size + len(graph.tasks) + graph.number(task_id))


# -- what is told ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """What a task tells of itself: that it ended, or of a mapped one what its instances have come to."""

    task_id: str
    states: frozenset[TaskInstanceState]
    """Final states of its instances; of a task that is not mapped, its own."""
    clears: int
    """The number of clears that its notes are coded with."""
    skips: tuple[str, ...] = ()
    """The tasks that it orders to be skipped."""
    acts_at_once: bool = True
    """Whether its orders take the place of the states of these tasks (``SKIP_UNDECIDED``)."""
    carries_on: bool = False
    """Whether these tasks pass the order on to what comes after them."""
    of_all: bool = False
    """Whether it tells of all instances of a mapped task."""
    is_complete: bool = True
    """Whether all of them have ended."""
    was_expanded: bool = False
    """Whether it is a mapped task that was expanded: then its values count for what is mapped over it."""
    has_value: bool = False
    """Whether an instance of a mapped task left a value."""


def end_of_instance(graph: Graph, item: TaskInstance) -> End:
    """The end of a task instance that ``item`` shows."""
    task = graph.tasks[item.task_id]
    return End(
        task_id=item.task_id,
        states=frozenset({item.state or TaskInstanceState.REMOVED}),
        clears=item.clears,
        skips=item.skips,
        acts_at_once=item.map_index == NOT_MAPPED or task.may_skip is MaySkip.BRANCH,
        carries_on=item.map_index == NOT_MAPPED and _orders_all(graph, item),
        of_all=task.is_mapped and item.map_index == NOT_MAPPED,
        has_value=bool(item.output_length),
    )


def _orders_all(graph: Graph, item: TaskInstance) -> bool:
    """Whether it orders everything downstream to be skipped; a task that was skipped so passes that on."""
    if not item.skips:
        return False
    was_ordered = item.lease_token is None and bool(item.notes.get(SKIP_ALL))
    return was_ordered or graph.all_after(item.task_id) <= frozenset(item.skips)


def end_of_all(join: Join, notes: Notes) -> End:
    """What the instances of a mapped task have come to, by the notes where they meet."""
    return End(
        task_id=join.task_id,
        states=states_in(notes),
        clears=generation(notes),
        of_all=True,
        is_complete=is_complete(join, notes),
        was_expanded=True,
    )


def added_by(graph: Graph, join: Join, end: End, number: int) -> dict[str, int]:
    """The notes that an end leaves at a place of that number at a join; none where it has nothing to tell."""
    return left_as(number, end.clears, _names(graph, join, end))


def left_as(number: int, clears: int, names: Iterable[str]) -> dict[str, int]:
    """Notes of these names, left under a number after so many clears; those of before are void."""
    added = dict.fromkeys(names, coded(number, clears))
    if added and clears:
        added[VOID] = coded(number, clears - 1)
    return added


def _names(graph: Graph, join: Join, end: End) -> tuple[str, ...]:
    states: tuple[str, ...] = tuple(sorted(end.states))
    if join.collects:
        return (*states, VALUED) if end.has_value else states
    complete = (COMPLETE,) if end.of_all and end.is_complete else ()
    if join.task_id == END_OF_RUN:
        if not end.is_complete:
            return ()
        # Only leaves count: a failed task inside the graph whose followers recovered makes no run fail.
        counted = states if end.task_id in graph.decisive else (TaskInstanceState.SUCCESS,)
        return (*counted, *complete)
    if end.task_id in join.listens_to:
        heard = (HEARD, *complete) if end.is_complete else ()
        return (*heard, *_orders(graph, join, end))
    told = states if end.is_complete else tuple(state for state in states if state in join.heeds)
    return (*told, *complete, *_setup_notes(graph, join, end), *_orders(graph, join, end))


def _setup_notes(graph: Graph, join: Join, end: End) -> tuple[str, ...]:
    """How a setup ended, at its teardown."""
    if not (graph.tasks[end.task_id].is_setup and graph.tasks[join.task_id].is_teardown):
        return ()
    return tuple(sorted({_needed_note(state) for state in end.states}))


def _orders(graph: Graph, join: Join, end: End) -> tuple[str, ...]:
    """The notes by which an ended task decides about another."""
    skip: tuple[str, ...] = ()
    if join.task_id in end.skips:
        order = SKIP_ORDER if end.acts_at_once else SKIP_UNDECIDED
        skip = (order, SKIP_ALL) if end.carries_on else (order,)
    # Of a source that was expanded the values count, not how its instances ended.
    is_lacked = graph.tasks[end.task_id].is_setup or not end.was_expanded
    if not is_lacked or not graph.needs(join.task_id, end.task_id):
        return skip
    lacking = {_needed_note(state) for state in end.states if state is not TaskInstanceState.SUCCESS}
    return (*skip, *sorted(lacking))


def _needed_note(state: TaskInstanceState) -> str:
    notes = {needed: note for note, needed in _NEEDED_STATES.items()}
    return notes.get(state, SETUP_FAILED)


def passed_on(place: Place, notes: Notes, number: int) -> dict[str, int]:
    """What an item with these notes tells further on, at a place of that number."""
    told = standing(notes)
    names = [
        name for name, numbers in told.items() if numbers and name not in (OWED, REPORTS, COMPLETE, VALUED)
    ]
    clears = generation(notes)
    if is_full(place, notes):
        names.append(COMPLETE)
    added = left_as(number, clears, names)
    if COMPLETE in added and (values := told.get(VALUED)):
        added[VALUED] = coded(number * _COUNTED + len(values), clears)
    return added


def is_full(place: Place, notes: Notes) -> bool:
    """Whether all senders of an item have ended."""
    return sum(number < place.size for number in ended_numbers(notes, place.wholes)) == place.size


def is_news(place: Place, notes: Notes, added: Mapping[str, int]) -> bool:
    """Whether what was just left on an item is told further on: it completes it, or may decide at once."""
    told = standing(notes)
    return is_full(place, notes) or any(
        name in _at_once(place) and len(told.get(name, ())) == 1 for name in added
    )


def is_to_be_told(place: Place, notes: Notes) -> bool:
    """Whether an item has anything that is told further on."""
    told = standing(notes)
    return is_full(place, notes) or any(told.get(name) for name in _at_once(place))


def _at_once(place: Place) -> frozenset[str]:
    return _ORDERS | place.heeds


def values_in(join: Join, notes: Notes) -> int:
    """How many instances of a mapped task have left a value, by the notes where they meet."""
    if not join.bucket_count:
        return len(standing(notes).get(VALUED, ()))
    first, counts = first_that_counts(notes), {}
    for code in notes.get(VALUED, ()):
        clears, number = decoded(code)
        bucket, count = divmod(number, _COUNTED)
        if clears >= first.get(bucket, 0):
            counts[bucket] = count
    return sum(counts.values())


# -- who hears ---------------------------------------------------------------------------------------


def has_to_report(graph: Graph, item: TaskInstance) -> bool:
    """Whether a task instance tells the end of the run of itself only because it was told to."""
    is_of_graph = item.map_index == NOT_MAPPED and graph.reports(item.task_id)
    return bool(item.notes.get(REPORTS)) and not is_of_graph


def is_only_upstream(join: Join) -> bool:
    """Whether the end of a join's one upstream tells all that its task has to know.

    Not where it comes in several parts; ``always`` opens with the run.
    """
    if join.task_id == END_OF_RUN or join.collects or join.size != 1 or join.wholes:
        return False
    return join.trigger_rule is not TriggerRule.ALWAYS


def order_place(graph: Graph, orderer: str, task_id: str) -> Place:
    """Where a task leaves its orders at one further down that does not hear of its end."""
    join = graph.join_before(task_id)
    return _own_place(join, join.size + graph.number(orderer))


def index_order_place(graph: Graph, orderer: TaskInstance, task_id: str) -> Place:
    """Where an instance leaves its order at the one of its index that hears of its task only as a whole."""
    join = graph.join_before_instance(graph.tasks[task_id], orderer.map_index)
    return _own_place(join, join.size + graph.number(orderer.task_id))


def order_places(graph: Graph, item: TaskInstance) -> tuple[Place, ...]:
    """Where a task instance may leave orders at others that do not hear of its end."""
    task = graph.tasks[item.task_id]
    if item.map_index != NOT_MAPPED:
        return tuple(index_order_place(graph, item, name) for name in graph.ordered_by_index(task))
    if task.may_skip is not MaySkip.ALL:
        return ()
    hearing = frozenset(join.task_id for join in graph.joins_after(task.task_id))
    distant = sorted(graph.descendants(task.task_id) - hearing, key=graph.number)
    return tuple(order_place(graph, task.task_id, name) for name in distant)


def distant_orders(graph: Graph, item: TaskInstance) -> Iterator[tuple[Join, Place]]:
    """The joins at which an ended task instance leaves orders by themselves, and the place there."""
    if item.map_index == NOT_MAPPED:
        for name in ordered_from_afar(graph, end_of_instance(graph, item)):
            yield graph.join_before(name), order_place(graph, item.task_id, name)
        return
    for name in graph.ordered_by_index(graph.tasks[item.task_id]) if item.skips else ():
        if name in item.skips:
            join = graph.join_before_instance(graph.tasks[name], item.map_index)
            yield join, index_order_place(graph, item, name)


def ordered_from_afar(graph: Graph, end: End) -> tuple[str, ...]:
    """The tasks that an end orders to be skipped and that would not hear of that from the tasks before them.

    What is skipped passes the order on, so that only what may run before them, or comes after what stays,
    has to be told by itself.
    """
    if not end.skips:
        return ()
    wanted = frozenset(end.skips) & graph.tasks.keys()
    told = frozenset(graph.tasks[end.task_id].downstream)
    if end.carries_on:
        told |= graph.passes_through(end.task_id, told & wanted, wanted)
    return tuple(sorted(wanted - told, key=graph.number))


def has_arrived(notes: Notes, number: int, clears: int) -> bool:
    """Whether a task that has been cleared so often has told of its end under this number.

    Also where that is void by now.
    """
    code = coded(number, clears)
    return any(code in notes.get(name, ()) for name in ARRIVALS)


# -- what is known -----------------------------------------------------------------------------------


def arrived(join: Join, notes: Notes) -> Arrived:
    """What the notes on a join's item say of its upstreams."""
    counted = standing(notes)
    return Arrived(
        seen=states_in(notes),
        complete=is_complete(join, notes),
        has_upstream=join.size > 0 or bool(join.missing),
        lacks_upstream=bool(join.missing),
        skip_ordered=bool(counted.get(SKIP_ORDER) or counted.get(SKIP_UNDECIDED)),
        needed=frozenset(state for note, state in _NEEDED_STATES.items() if counted.get(note)),
    )


def ended_unexpanded(graph: Graph, task: Task, whole: Notes) -> frozenset[str]:
    """The upstreams that each instance of a task hears by itself, but that have ended without any instance.

    ``whole`` are the notes on the task's unexpanded instance.
    """
    join, told = graph.join_before(task.task_id), standing(whole)
    ended = told.get(COMPLETE, frozenset()) - told.get(EXPANDED, frozenset())
    heard = (name for name in graph.index_upstream(task) if name in join.upstream)
    return frozenset(name for name in heard if join.number(name) in ended)


def arrived_of_instance(graph: Graph, task: Task, item: TaskInstance, whole: Notes) -> Arrived:
    """What is known of the upstreams that an instance of a task in a mapped group has by itself.

    ``whole`` are the notes on the task's unexpanded instance: of those that ended without any instance.
    """
    join = graph.join_before_instance(task, item.map_index)
    known = arrived(join, item.notes)
    unexpanded = frozenset(join.number(name) for name in ended_unexpanded(graph, task, whole))
    if not unexpanded:
        return known
    ended = ended_numbers(item.notes, join.wholes) | unexpanded
    return replace(known, complete=len(ended) == join.size)


def sole_arrival(graph: Graph, join: Join, end: End) -> Arrived:
    """What is known before a task with one upstream once that has ended."""
    return arrived(join, {name: frozenset({0}) for name in _names(graph, join, end)})


def states_in(notes: Notes) -> frozenset[TaskInstanceState]:
    """The final states that the notes tell of."""
    counted = standing(notes)
    return frozenset(state for state in FINAL_STATES if counted.get(state))


def is_complete(join: Join, notes: Notes) -> bool:
    """Whether every sender of a join has ended, and whatever else it was told to wait for."""
    owed = standing(notes).get(OWED, frozenset())
    return owed <= arrived_numbers(notes) and is_full(_own_place(join, 0), notes)
