"""``fail_stop``, carried out: a failed task stops the others of its run before it tells of its end.

Each is ended by one conditional write, untouched ones included: so no handler can open one of them any
more, and a worker that runs one has lost its lease. The failed task's first arrival comes after all these
writes. As long as it does not stand, the repair of a crash stops what is left.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.domain.messages import FollowTask
from chalicelib.domain.plans.fail_stop import reason_of, stopped_state, to_be_stopped, was_stopped_by
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.tasks import owed_callbacks

if TYPE_CHECKING:
    from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)

PORTION = 100
"""Task instances that one handler stops: some 3 requests each, and a worker has 20 s for them."""


def stop_others(progress: "RunInProgress", ended: TaskInstance, *, redo: bool) -> None:
    """Stop the others of a run, then go on from the end of the task instance that stops them.

    1 request per MB of the run's items; for each that is stopped 1, and those by which it tells of its end.
    ``redo``: they may have been stopped before, and some cleared since; 1 request to see that.
    """
    if redo and owed_callbacks.has_told(progress.engine, progress.graph, ended):
        progress.follow(ended, redo=True)
        return
    graph, items, reason = progress.graph, progress.engine.items(ended.run_uid), reason_of(ended)
    left = [*to_be_stopped(graph, items, ended)]
    stopped = [
        progress.tries.end_now(graph.tasks[item.task_id], item, stopped_state, reason)
        for item in left[:PORTION]
    ]
    if len(left) > PORTION or not all(stopped):
        _follow_later(progress, [ended])  # which stops the others; none tells of its end before
        return
    _follow_later(progress, [item for item in items.begun() if was_stopped_by(ended, item)])
    progress.tries.give_back(graph.tasks[ended.task_id], ended)
    ended = replace(ended, pool_parts=(), places=())
    # As when it is redone: no end alone decides a successor where that may have been stopped.
    progress.follow(*filter(None, stopped), ended, redo=True)


def _follow_later(progress: "RunInProgress", ended: Iterable[TaskInstance]) -> None:
    run = progress.facts.ref
    for item in ended:
        progress.outbox.post(FollowTask(run=run, task_id=item.task_id, map_index=item.map_index))
