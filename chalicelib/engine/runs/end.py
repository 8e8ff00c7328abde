"""The end of a run before its tasks have ended: it fails now, and they are ended with it.

The run is failed by one write; a repeatable message ends its tasks. Each is ended by a conditional
write, untouched ones included: so a handler that is still at work on the run can open none of them any
more, and a worker that runs one has lost its lease (it changes nothing when it comes to its end). The
unfinished entry of the run goes last: until then the tick finds a run whose message was lost.
"""

import logging

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.messages import EndTasks, WakePool
from chalicelib.domain.observations import RunEnded, TaskEnded
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange
from chalicelib.domain.runs.reasons import DEADLOCKED
from chalicelib.domain.states import FINAL_STATES, DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.changes import end_of
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import find_run
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.runs.start import leave
from chalicelib.engine.slots import taking, waiting
from chalicelib.engine.tasks import owed_callbacks, past

log = logging.getLogger(__name__)

PORTION = 200
"""Task instances that one message ends: some 3 requests each, in a handler of 60 s."""

_ATTEMPTS = 4
"""Tries to end a task instance that others change at the same moment; then a further message does it."""

_RUNNING = frozenset({DagRunState.RUNNING})


def fail_run(
    engine: Engine, run: DagRun, reason: str, *, from_states: frozenset[DagRunState] = _RUNNING
) -> bool:
    """Fail a run that is in one of these states, and have its unfinished tasks ended (``skipped``).

    False, and nothing done, if it is in none of them; ``reason`` is kept with the run. May be repeated:
    a run that has failed for that reason by now has its message sent again.
    """
    now = engine.now()
    change = DagRunChange(state=DagRunState.FAILED, end_date=now, reason=reason, updated_at=now)
    write = engine.store.dag_runs.transition(run.ref, from_states, change)
    failed = write.item
    if failed is None or failed.state is not DagRunState.FAILED or failed.reason != reason:
        return False
    log.info("run %s of %s was ended: %s", run.run_id, run.dag_id, reason, extra={"run_id": run.run_id})
    if write.applied:
        engine.observe(RunEnded.of(failed))
    engine.send(EndTasks(run=run.ref))
    return True


def end_tasks_at_once(engine: Engine, run: DagRun) -> None:
    """End the tasks of a run that is over without waiting for the message; what fails, the message does."""
    try:
        end_tasks(engine, EndTasks(run=run.ref))
    except StoreUnavailable:
        log.warning("the tasks of run %s of %s end a little later", run.run_id, run.dag_id, exc_info=True)


def end_tasks(engine: Engine, message: EndTasks) -> None:
    """End the tasks of a run that is over; does nothing for one that goes on (again)."""
    found = find_run(engine, message.run)
    if found is not None and found[1].state.is_final:
        end_tasks_of(engine, found[1])


def end_tasks_of(engine: Engine, run: DagRun) -> bool:
    """End the tasks that are left of a run that is over: of one that ended by itself or in deadlock, none.

    False if there is more to do; it is done by a message (or not at all: the run was cleared).

    Safe to repeat and to interrupt. What one invocation has no time for goes by a further message.
    """
    graph = graph_of_run(engine, run)
    unfinished = [] if run.reason == DEADLOCKED else unfinished_tasks(engine, run, graph)
    if unfinished and not _is_still_over(engine, run):
        return False
    outbox = Outbox(sender=engine.sender)
    ended = [_end(engine, run, graph.tasks[item.task_id], item, outbox) for item in unfinished[:PORTION]]
    outbox.extend(past.goes_on(engine, graph, run.ref, filter(None, ended)))
    if len(unfinished) > PORTION or not all(ended):
        outbox.post(EndTasks(run=run.ref))
        outbox.flush()
        return False
    outbox.flush()
    leave(engine, run)
    owed_callbacks.after_run(engine, graph, run, redo=True)
    engine.store.dag_runs.remove_unfinished(run.ref, run.clear_number)
    return True


def _is_still_over(engine: Engine, run: DagRun) -> bool:
    """Whether the run has not been cleared. To be asked after its task instances were read.

    A clear makes the run go on before it touches any of them.
    """
    found = find_run(engine, run.ref)
    return found is not None and found[1].state.is_final and found[1].clear_number == run.clear_number


def unfinished_tasks(engine: Engine, run: DagRun, graph: Graph) -> list[TaskInstance]:
    """The task instances that are not over, those at work first: they hold slots and open others."""
    items = engine.items(run.run_uid)
    instances = (item for task in graph.tasks.values() for item in items.instances_of(task))
    unfinished = [item for item in instances if item.state not in FINAL_STATES]
    return sorted(unfinished, key=lambda item: item.state is None)


def _end(engine: Engine, run: DagRun, task: Task, item: TaskInstance, outbox: Outbox) -> TaskInstance | None:
    """End a task instance, whatever it has become meanwhile; how it ended, None if others kept changing it.

    (None also if it was cleared, for the run may go on, or expanded, for its instances are ended next.)
    """
    reason = f"its run was ended: {run.reason}" if run.reason else "its run was ended"
    standing = item
    for _ in range(_ATTEMPTS):
        expected = Expected(
            states=frozenset({standing.state}),
            try_number=standing.try_number,
            updated_at=standing.updated_at,
            clears=item.clears,
            is_unexpanded=task.is_mapped and item.map_index == NOT_MAPPED,
        )
        change = changes.ended_with_run(standing, end_of(run, standing), reason, engine.now())
        write = engine.store.task_instances.transition(standing.run_uid, standing.key, expected, change)
        if write.applied:
            engine.observe(TaskEnded.of(run.dag_id, run.run_id, write.item))
            _let_go(engine, run, task, standing, outbox)
            return write.item
        standing = write.item
        if standing.clears != item.clears or (expected.is_unexpanded and standing.map_length is not None):
            return None
        if standing.state in FINAL_STATES:
            return standing
    return None


def _let_go(engine: Engine, run: DagRun, task: Task, item: TaskInstance, outbox: Outbox) -> None:
    """Give back the slots that an instance held when it was ended, or its place among the waiters.

    What a crash leaves undone here is found by the audit of pools, and by the waking of waiters.
    """
    if item.state is TaskInstanceState.SCHEDULED:
        for waiter in waiting.waiters_of(run.ref, task, item):
            engine.store.pools.remove_waiter(waiter)
    for pool in taking.give(engine, task, item.holder, item.pool_parts, item.places):
        outbox.post(WakePool(pool=pool))
