"""Sensors between two pokes: no invocation runs them, a delayed message brings the next poke.

In mode ``reschedule`` a poke in vain ends as ``up_for_reschedule``: the slots are given back, and a
message to the scheduler starts the same try again, slots first. In mode ``poke`` the sensor keeps its
slots and shows as ``running``, but its lease is no worker's (``TaskInstance.is_asleep``): the message goes
to a worker, which takes the lease over. Each wait is told from the next by how many pokes there were, so
a message that comes twice or late starts nothing a second time. The sweep of the run is the net.
"""

from chalicelib.domain import moments
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.messages import LONGEST_DELAY_SECONDS, PokeTask
from chalicelib.domain.plans.steps import Ignore, Later, Send, Start, poke_step
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.tasks.tries import Tries


def poke_later(tries: Tries, task: Task, item: TaskInstance) -> None:
    """Give back the slots of a poke in vain, unless it keeps them, and have the next poke in time."""
    if not item.is_asleep:
        tries.give_back(task, item)
    now = tries.engine.now()
    _post(tries, item, moments.seconds_until(item.reschedule_date or now, now))


def poke(tries: Tries, task: Task, item: TaskInstance, message: PokeTask) -> None:
    """Carry out what the message does that comes at the time of a poke."""
    match poke_step(item, message.try_number, message.pokes, tries.engine.now()):
        case Start() as step:
            tries.start(task, item, step.try_number)
        case Later() as step:
            _post(tries, item, step.seconds)
        case Send():
            tries.send(item)
        case Ignore():
            return


def _post(tries: Tries, item: TaskInstance, seconds: int) -> None:
    """Send the message of the next poke; one that is far off goes through the scheduler until it is near."""
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
