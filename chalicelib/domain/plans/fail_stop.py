"""``fail_stop``: a task that fails for good stops the others of its run.

As Airflow 2.10.5 does it: what runs is failed, without retries or callbacks, and what has not begun is
skipped. Teardowns go on, and so do the other instances of the failed task where it is mapped.
"""

from collections.abc import Iterator

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance


def stops_others(graph: Graph, item: TaskInstance) -> bool:
    """Whether the end of a task instance stops the others: it failed by a try of its own.

    (What was stopped itself, ended with its run or marked by hand has no lease.)
    """
    failed = item.state is TaskInstanceState.FAILED and item.lease_token is not None
    return graph.fail_stop and failed


def to_be_stopped(graph: Graph, items: RunItems, failed: TaskInstance) -> Iterator[TaskInstance]:
    """The task instances that are not over and that a failed one stops, in topological order."""
    for task in graph.tasks.values():
        if task.task_id == failed.task_id or task.is_teardown:
            continue
        yield from (item for item in items.instances_of(task) if item.state not in FINAL_STATES)


def stopped_state(item: TaskInstance) -> TaskInstanceState:
    """What a task instance that is not over becomes when it is stopped."""
    is_running = item.state is TaskInstanceState.RUNNING
    return TaskInstanceState.FAILED if is_running else TaskInstanceState.SKIPPED


def was_stopped_by(failed: TaskInstance, item: TaskInstance) -> bool:
    """Whether a task instance that is over was stopped by a failed one."""
    return item.lease_token is None and item.reason == reason_of(failed)


def reason_of(failed: TaskInstance) -> str:
    """Why a task instance was stopped, for people."""
    return f"{failed.name} failed, and its DAG is to stop then (fail_stop)"
