"""What the end of a task leaves at the joins after it, and what the marks at a join mean."""

from chalicelib.domain.graph import BUCKET_SIZE, END_OF_RUN, Graph, Join, Task
from chalicelib.domain.states import FAILURE_STATES, FINAL_STATES, TaskInstanceState
from chalicelib.domain.task_instances import (
    COMPLETE,
    HEARD,
    SKIP_ORDER,
    Marks,
    TaskInstance,
    arrived_numbers,
)
from chalicelib.domain.trigger_rules import Arrived, TriggerRule


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
    return Arrived(
        seen=frozenset(state for state in FINAL_STATES if marks.get(state)),
        complete=_is_complete(join, marks),
        settled=_is_settled(join, marks),
        skip_ordered=bool(marks.get(SKIP_ORDER)),
        skip_came_first=_skip_came_first(graph, join, marks),
    )


def _is_complete(join: Join, marks: Marks) -> bool:
    if join.bucket_count:
        return len(marks.get(COMPLETE, ())) == join.bucket_count
    return len(arrived_numbers(marks)) == join.size


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
