"""The end of a run before its tasks have ended: it fails now, and they are ended with it.

The run is failed by one write; a repeatable message ends its tasks. Each is ended by a conditional
write, untouched ones included (of a run that has timed out these are withheld: they keep no state). So a
handler that is still at work on the run can open none of them any more, and a worker that runs one has
lost its lease (it changes nothing when it comes to its end). The
unfinished entry of the run goes last: until then the tick finds a run whose message was lost.
"""

import logging
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import EndTasks
from chalicelib.domain.observations import RunEnded
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange
from chalicelib.domain.runs.reasons import DEADLOCKED
from chalicelib.domain.runs.timeout import TIMED_OUT
from chalicelib.domain.states import FINAL_STATES, DagRunState
from chalicelib.domain.tasks.changes import end_of
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import find_run
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.runs.start import leave
from chalicelib.engine.tasks import owed_callbacks, past
from chalicelib.engine.tasks.failures import pause_after_failures
from chalicelib.engine.tasks.tries import Tries

log = logging.getLogger(__name__)

PORTION = 200
"""Task instances that one message ends: some 3 requests each, in a handler of 60 s."""

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
    facts = run.facts(run.start_date or run.queued_at)
    tries = Tries(engine=engine, facts=facts, outbox=outbox)
    reason = f"its run was ended: {run.reason}" if run.reason else "its run was ended"
    ended = [_end(tries, graph, run, item, reason) for item in unfinished[:PORTION]]
    outbox.extend(past.goes_on(engine, graph, run.ref, filter(None, ended)))
    if len(unfinished) > PORTION or not all(ended):
        outbox.post(EndTasks(run=run.ref))
        outbox.flush()
        return False
    outbox.flush()
    pause_after_failures(engine, graph, run, redo=True)
    leave(engine, run)
    owed_callbacks.after_run(engine, graph, run, redo=True)
    engine.store.dag_runs.remove_unfinished(run.ref, run.clear_number)
    return True


def _end(tries: Tries, graph: Graph, run: DagRun, item: TaskInstance, reason: str) -> TaskInstance | None:
    """End a task instance; as it is then, None if that has to be done once more.

    What has not begun when a run times out keeps no state, as in Airflow.
    """
    if run.reason == TIMED_OUT and item.state is None:
        return tries.withhold(item, reason)
    return tries.end_now(graph.tasks[item.task_id], item, partial(end_of, run), reason)


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
    unfinished = [item for item in instances if item.state not in FINAL_STATES and not item.is_withheld]
    return sorted(unfinished, key=lambda item: item.state is None)
