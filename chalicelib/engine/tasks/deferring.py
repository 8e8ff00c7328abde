"""Deferred tasks between two windows of their triggers: a delayed message brings the next window.

A deferred task holds no slots, and its lease is nobody's (``TaskInstance.is_between_windows``): the message
of a window takes it over (``engine.worker.windows``). Windows are told apart by their numbers, so a message
that comes twice or late runs nothing a second time. The sweep of the run is the net.
"""

from chalicelib.domain import moments
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.messages import RunTrigger
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance
from chalicelib.engine.tasks.tries import Tries


def wait_for_trigger(tries: Tries, task: Task, item: TaskInstance) -> None:
    """Give back the slots of a task that was deferred, and have the window of its trigger in time."""
    tries.give_back(task, item)
    send_for_window(tries, item)


def send_for_window(tries: Tries, item: TaskInstance) -> None:
    """Send the message of the next window of a task's trigger."""
    if item.deferral is None:
        return
    message = RunTrigger(
        run=tries.facts,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        window=item.deferral.window,
        due_at=item.deferral.due_at,
    )
    tries.outbox.post(message, moments.seconds_until(message.due_at, tries.engine.now()))


def look_after(tries: Tries, item: TaskInstance) -> None:
    """Have the window whose message was lost; or another one in place of one whose worker is gone."""
    if not item.is_between_windows:
        now = tries.engine.now()
        expected = Expected(
            states=frozenset({item.state}), try_number=item.try_number, lease_token=item.lease_token
        )
        change = changes.next_window(item, now, now)
        write = tries.engine.store.task_instances.transition(item.run_uid, item.key, expected, change)
        if not write.applied:
            return
        item = write.item
    send_for_window(tries, item)
