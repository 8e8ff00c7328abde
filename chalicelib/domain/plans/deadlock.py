"""Deadlocks: runs in which all that has not ended waits for ever, for tasks that the run has not.

A task's own dates may exclude it from a run that has its successors. Airflow leaves those without a state,
and fails the run once nothing else goes on.
"""

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.join import Join
from chalicelib.domain.tasks.notes import Notes, arrived_numbers
from chalicelib.domain.tasks.run_items import RunItems


def may_be_reached(graph: Graph, join: Join, notes: Notes) -> bool:
    """Whether the tasks that have not told this join of their ends may all wait for ever.

    ``notes`` are those on the item of the join. A deadlock comes with the end of a task, and is then seen
    so at a join after it; or with the start of the run.
    """
    if not graph.deadlock_prone:
        return False
    if join.bucket_count:
        return True
    arrived = arrived_numbers(notes)
    senders = (*join.upstream, *join.listens_to)
    return graph.deadlock_prone.issuperset(
        name for number, name in enumerate(senders) if number not in arrived
    )


def is_deadlocked(graph: Graph, items: RunItems) -> bool:
    """Whether all that has not ended waits for ever, in a running run of which nothing is to be repaired.

    (So what has ended has been heard of, and what is decided has been opened.)
    """
    waiting: set[str] = set()
    for name in graph.tasks:
        states = {item.state for item in items.instances_of(graph.tasks[name])}
        if all(state is not None and state.is_final for state in states):
            continue
        join = graph.join_before(name)
        awaited = (*graph.tasks[name].upstream, *join.listens_to)
        is_in_vain = bool(join.missing) or not waiting.isdisjoint(awaited)
        if name not in graph.deadlock_prone or not is_in_vain or states != {None}:
            return False
        waiting.add(name)
    return bool(waiting)
