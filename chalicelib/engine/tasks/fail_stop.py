"""``fail_stop``, carried out: a failed task stops the others of its run before it tells of its end.

Each is ended by one conditional write, untouched ones included: so no handler can open one of them any
more, and a worker that runs one has lost its lease. The failed task's first arrival comes after all these
writes. As long as it does not stand, the repair of a crash stops what is left.
"""

import logging
from dataclasses import dataclass

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import FollowTask
from chalicelib.domain.plans.fail_stop import reason_of, stopped_state, stops_others, to_be_stopped
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks import owed_callbacks
from chalicelib.engine.tasks.tries import Tries

log = logging.getLogger(__name__)

PORTION = 100
"""Task instances that one handler stops: some 3 requests each, and a worker has 20 s for them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """The task instances that were stopped by now; all of them, or a message stops the others."""

    items: tuple[TaskInstance, ...] = ()
    is_complete: bool = True


def stop_others(tries: Tries, graph: Graph, ended: TaskInstance, *, redo: bool) -> Stopped:
    """Stop the others of a run if a task instance has ended that stops them; 0 requests unless it does.

    Else 1 per MB of the run's items, and 1 for each that is stopped. ``redo``: they may have been stopped
    before, and some cleared since; 1 request to see that.
    """
    if not stops_others(graph, ended) or (redo and owed_callbacks.has_told(tries.engine, graph, ended)):
        return Stopped()
    left = [*to_be_stopped(graph, tries.engine.items(ended.run_uid), ended)]
    reason = reason_of(ended)
    stopped = [
        tries.end_now(graph.tasks[item.task_id], item, stopped_state, reason) for item in left[:PORTION]
    ]
    is_complete = len(left) <= PORTION and all(stopped)
    if not is_complete:
        tries.outbox.post(FollowTask(run=tries.facts.ref, task_id=ended.task_id, map_index=ended.map_index))
    return Stopped(items=tuple(filter(None, stopped)), is_complete=is_complete)


def why_stopped(engine: Engine, item: TaskInstance) -> str | None:
    """Why a try does not go on that ``item`` shows running; None if it does, or if that is not known now.

    1 request.
    """
    try:
        now = engine.store.task_instances.get(item.run_uid, item.key)
    except StoreUnavailable:
        log.info("whether try %s of %s goes on is asked again", item.try_number, item.key, exc_info=True)
        return None
    if now is None:
        return "its run is gone"
    if now.state is TaskInstanceState.RUNNING and now.lease_token == item.lease_token:
        return None
    return now.reason or f"it is {now.state or 'cleared'}"
