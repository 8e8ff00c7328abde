"""The past of a task: what it asks of the run before its own (``depends_on_past``).

As in Airflow it asks for all instances of a task, whichever its own index is.
"""

from collections.abc import Iterable, Mapping

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.join import Join
from chalicelib.domain.plans.checks import ended_well
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import is_complete, states_in
from chalicelib.domain.tasks.notes import Notes
from chalicelib.domain.tasks.run_items import RunItems


def asked_of_past(task: Task, earlier: Graph) -> tuple[Task, ...]:
    """The tasks of the previous run that a task waits for, of those that run has.

    None unless it depends on past; with ``wait_for_downstream`` those directly after it are among them.
    """
    if not task.depends_on_past:
        return ()
    downstream = task.downstream if task.wait_for_downstream else ()
    return tuple(earlier.tasks[name] for name in (task.task_id, *downstream) if name in earlier.tasks)


def states_by_instance(items: RunItems, tasks: Iterable[Task]) -> Mapping[str, TaskInstanceState | None]:
    """How the instances of tasks stand, by the names that people know them by."""
    instances = (item for task in tasks for item in items.instances_of(task))
    return {item.name: item.state for item in instances}


def state_of_all(met: Join, notes: Notes) -> TaskInstanceState | None:
    """What the instances of a mapped task have come to, by the notes where all of them meet.

    None as long as not all have ended; else a state that did not end well, if there is one.
    """
    if not is_complete(met, notes):
        return None
    states = sorted(states_in(notes))
    return next((state for state in states if not ended_well(state)), states[0])
