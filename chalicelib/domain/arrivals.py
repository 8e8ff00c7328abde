"""What the end of a task leaves at the joins after it, and what the marks at a join mean."""

from dataclasses import dataclass

from chalicelib.domain.generations import VOID, coded, standing
from chalicelib.domain.graph import BUCKET_SIZE, END_OF_RUN, Graph, Join, MaySkip, Task
from chalicelib.domain.states import FAILURE_STATES, FINAL_STATES, TaskInstanceState
from chalicelib.domain.task_instances import (
    COMPLETE,
    HEARD,
    OWED,
    REPORTS,
    SKIP_ORDER,
    Marks,
    TaskInstance,
    arrived_numbers,
    bucket_key,
    join_key,
    task_key,
)
from chalicelib.domain.trigger_rules import Arrived, TriggerRule


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a task leaves its marks of one join: the key of the item, and the number there.

    ``bucket`` is the one of the join's buckets that it is in, if it has some.
    """

    key: str
    number: int
    bucket: int | None = None


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
    """Where a task orders one further down to be skipped that does not hear of its end."""
    join = graph.join_before(task_id)
    return Place(key=task_key(task_id), number=join.size + graph.number(orderer))


def joins_after(graph: Graph, item: TaskInstance) -> tuple[Join, ...]:
    """The joins that hear of a task instance's end: the graph's, and the run's end if it was asked to."""
    joins = graph.joins_after(item.task_id)
    if not item.marks.get(REPORTS) or graph.reports(item.task_id):
        return joins
    return (*joins, graph.end_of_run)


def distant_places(graph: Graph, task_id: str) -> tuple[Place, ...]:
    """Where a task may leave orders to skip at tasks that do not hear of its end."""
    task = graph.tasks[task_id]
    if task.may_skip is not MaySkip.ALL:
        return ()
    heard = {*task.downstream, *(join.task_id for join in graph.joins_after(task_id))}
    distant = sorted(graph.descendants(task_id) - heard, key=graph.number)
    return tuple(distant_place(graph, task_id, name) for name in distant)


def head_number(bucket: int, marks: Marks) -> int:
    """The number under which a bucket with these marks tells its join: anew once some of them are void."""
    return coded(bucket, len(marks.get(VOID, ())))


def is_only_upstream(graph: Graph, join: Join) -> bool:
    """Whether the end of a join's one upstream tells all that its task has to know.

    Not where somebody further up may have ordered it to be skipped; ``always`` opens with the run.
    """
    if join.task_id == END_OF_RUN or join.size != 1 or join.trigger_rule is TriggerRule.ALWAYS:
        return False
    return not graph.distant_skippers(join.task_id)


def marks_of(join: Join, ended: TaskInstance, graph: Graph) -> tuple[str, ...]:
    """The names of the marks that an ended task leaves at a join.

    At the end of the run only leaves count: a failed task inside the graph whose followers recovered
    does not make the run fail.
    """
    name: str = ended.state or TaskInstanceState.REMOVED
    if join.task_id == END_OF_RUN and graph.tasks[ended.task_id].downstream:
        name = TaskInstanceState.SUCCESS
    if ended.task_id in join.listens_to:
        name = HEARD
    return (name, SKIP_ORDER) if join.task_id in ended.skips else (name,)


def sole_arrival(ended: TaskInstance, successor: Task) -> Arrived:
    """What a successor with this one upstream knows once it has ended."""
    seen = frozenset({ended.state}) if ended.state else frozenset()
    return Arrived(seen=seen, complete=True, skip_ordered=successor.task_id in ended.skips)


def arrived(graph: Graph, join: Join, marks: Marks) -> Arrived:
    """What the marks on a join's item say of its upstreams."""
    marks = standing(marks)
    return Arrived(
        seen=frozenset(state for state in FINAL_STATES if marks.get(state)),
        complete=_is_complete(join, marks),
        settled=_is_settled(join, marks),
        skip_ordered=bool(marks.get(SKIP_ORDER)),
        skip_came_first=_skip_came_first(graph, join, marks),
    )


def _is_complete(join: Join, marks: Marks) -> bool:
    numbers = arrived_numbers(marks)
    if not marks.get(OWED, frozenset()) <= numbers:
        return False
    if join.bucket_count:
        return len(marks.get(COMPLETE, ())) == join.bucket_count
    return sum(number < join.size for number in numbers) == join.size


def _is_settled(join: Join, marks: Marks) -> bool:
    if join.bucket_count:
        return {number // BUCKET_SIZE for number in join.skippers} <= set(marks.get(COMPLETE, ()))
    return join.skippers <= arrived_numbers(marks)


def _skip_came_first(graph: Graph, join: Join, marks: Marks) -> bool:
    """Whether each failed upstream lies downstream of a skipped one (unknown where buckets meet)."""
    skipped = {join.upstream[number] for number in marks.get(TaskInstanceState.SKIPPED, ())}
    if not skipped or join.bucket_count:
        return False
    failed = (join.upstream[number] for state in FAILURE_STATES for number in marks.get(state, ()))
    return all(graph.ancestors(name) & skipped for name in failed)
