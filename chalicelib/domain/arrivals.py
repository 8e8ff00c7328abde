"""What the end of a task leaves at the joins after it, and what the marks at a join mean."""

from chalicelib.domain.graph import BUCKET_SIZE, END_OF_RUN, Graph, Join, Task
from chalicelib.domain.states import FAILURE_STATES, FINAL_STATES, TaskInstanceState
from chalicelib.domain.task_instances import (
    COMPLETE,
    HEARD,
    SETUP_FAILED,
    SETUP_SKIPPED,
    SETUP_SUCCESS,
    SKIP_ORDER,
    Marks,
    TaskInstance,
    arrived_numbers,
)
from chalicelib.domain.trigger_rules import Arrived, TriggerRule

_SETUP_STATES = {
    SETUP_SUCCESS: TaskInstanceState.SUCCESS,
    SETUP_SKIPPED: TaskInstanceState.SKIPPED,
    SETUP_FAILED: TaskInstanceState.FAILED,
}


def is_only_upstream(graph: Graph, join: Join) -> bool:
    """Whether the end of a join's one upstream tells all that its task has to know.

    Not where somebody further up may have decided about it; ``always`` opens with the run.
    """
    if join.task_id == END_OF_RUN or join.size != 1 or join.trigger_rule is TriggerRule.ALWAYS:
        return False
    return not graph.distant_orderers(join.task_id)


def marks_of(join: Join, ended: TaskInstance, graph: Graph) -> tuple[str, ...]:
    """The names of the marks that an ended task leaves at a join.

    At the end of the run only leaves count: a failed task inside the graph whose followers recovered
    does not make the run fail.
    """
    name: str = ended.state or TaskInstanceState.REMOVED
    if join.task_id == END_OF_RUN:
        return (name if ended.task_id in graph.decisive else TaskInstanceState.SUCCESS,)
    if ended.task_id in join.listens_to:
        return (HEARD, *_orders(graph, ended, join.task_id))
    if graph.tasks[ended.task_id].is_setup and graph.tasks[join.task_id].is_teardown:
        return (name, _setup_mark(ended), *_orders(graph, ended, join.task_id))
    return (name, *_orders(graph, ended, join.task_id))


def distant_orders(graph: Graph, ended: TaskInstance) -> dict[str, dict[str, int]]:
    """The marks to leave, before any arrival, at tasks further down that do not listen; by task.

    What listens (and the direct successors) gets them with the arrival.
    """
    setup = graph.tasks[ended.task_id]
    needing = graph.needing(ended.task_id) if setup.is_setup else ()
    told = {join.task_id for join in graph.joins_after(ended.task_id)} if ended.skips or needing else set()
    number = graph.number(ended.task_id)
    orders = {
        task_id: dict.fromkeys(_orders(graph, ended, task_id), number)
        for task_id in dict.fromkeys((*ended.skips, *needing))
        if task_id in graph.tasks and task_id not in told
    }
    return {task_id: marks for task_id, marks in orders.items() if marks}


def _orders(graph: Graph, ended: TaskInstance, task_id: str) -> tuple[str, ...]:
    """The marks by which an ended task decides about another."""
    skip = (SKIP_ORDER,) if task_id in ended.skips else ()
    if ended.state is TaskInstanceState.SUCCESS or ended.task_id not in graph.indirect_setups[task_id]:
        return skip
    return (*skip, _setup_mark(ended))


def _setup_mark(ended: TaskInstance) -> str:
    marks = {state: mark for mark, state in _SETUP_STATES.items()}
    return marks.get(ended.state or TaskInstanceState.REMOVED, SETUP_FAILED)


def sole_arrival(graph: Graph, ended: TaskInstance, successor: Task) -> Arrived:
    """What a successor with this one upstream knows once it has ended."""
    is_setup_of = graph.tasks[ended.task_id].is_setup and successor.is_teardown
    return Arrived(
        seen=frozenset({ended.state}) if ended.state else frozenset(),
        complete=True,
        skip_ordered=successor.task_id in ended.skips,
        setups=frozenset({_SETUP_STATES[_setup_mark(ended)]}) if is_setup_of else frozenset(),
    )


def arrived(graph: Graph, join: Join, marks: Marks) -> Arrived:
    """What the marks on a join's item say of its upstreams."""
    return Arrived(
        seen=frozenset(state for state in FINAL_STATES if marks.get(state)),
        complete=_is_complete(join, marks),
        settled=_is_settled(join, marks),
        skip_ordered=bool(marks.get(SKIP_ORDER)),
        skip_came_first=_skip_came_first(graph, join, marks),
        setups=frozenset(state for mark, state in _SETUP_STATES.items() if marks.get(mark)),
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
