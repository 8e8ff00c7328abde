"""Sensors between two pokes: no invocation runs them, a delayed message brings the next poke.

In mode ``reschedule`` a poke in vain ends as ``up_for_reschedule``: the slots are given back, and a
message to the scheduler starts the same try again, slots first. In mode ``poke`` the sensor keeps its
slots and shows as ``running``, but its lease is nobody's (``TaskInstance.is_asleep``): the message goes
to a worker, which takes the lease over. Each wait is told from the next by how many pokes there were, so
a message that comes twice or late starts nothing a second time. The sweep of the run is the net.
"""

from datetime import timedelta

from chalicelib.domain import moments
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS, PokeTask
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.tries import Tries

_NEWS = timedelta(seconds=20)
"""What was written more recently than this is being sent by whoever wrote it.

A message that comes twice would else be followed by two, each time. One that comes again because its
handler died takes longer (the visibility timeouts of both queues).
"""


def is_waiting(item: TaskInstance) -> bool:
    """Whether a task instance waits for the time of its next poke."""
    return item.state is TaskInstanceState.UP_FOR_RESCHEDULE or item.is_asleep


def is_news(engine: Engine, item: TaskInstance) -> bool:
    """Whether the messages of what an item shows are being sent by another handler."""
    return item.updated_at is not None and engine.now() - item.updated_at < _NEWS


def poke_later(tries: Tries, task: Task, item: TaskInstance) -> None:
    """Give back the slots of a poke in vain, unless it keeps them, and have the next poke in time."""
    if not item.is_asleep:
        tries.give_back(task, item)
    _post(tries, item)


def poke(tries: Tries, task: Task, item: TaskInstance) -> None:
    """The time of a poke has come, or the message of it is here too early: start it, or wait on."""
    if not is_waiting(item):
        if item.state is TaskInstanceState.QUEUED and not is_news(tries.engine, item):
            tries.send(item)  # whoever queued it may have died before it sent the message
    elif item.is_asleep or _seconds_left(tries.engine, item):
        _post(tries, item)
    else:
        tries.start(task, item, item.try_number)


def _post(tries: Tries, item: TaskInstance) -> None:
    """Send the message of the next poke; one that is far off goes through the scheduler until it is near."""
    seconds = _seconds_left(tries.engine, item)
    if item.is_asleep and seconds <= LONGEST_DELAY_SECONDS:
        tries.send(item, seconds)
        return
    message = PokeTask(
        run=tries.facts.ref,
        task_id=item.task_id,
        map_index=item.map_index,
        try_number=item.try_number,
        pokes=item.pokes,
    )
    tries.outbox.post(message, seconds)


def _seconds_left(engine: Engine, item: TaskInstance) -> int:
    now = engine.now()
    return moments.seconds_until(item.reschedule_date or now, now)
