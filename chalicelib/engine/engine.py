"""``Engine``: the store, the queues and the clock that every use case is given."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.messages import Message, Outgoing
from chalicelib.domain.observations import Observation
from chalicelib.domain.slots.pools import Pool
from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance, untouched
from chalicelib.engine.ports.observer import Observe
from chalicelib.engine.ports.queue import Sender
from chalicelib.engine.ports.store import Store


def unobserved(_observation: Observation) -> None:
    """The observer outside of Lambda, where nothing is measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What every use case is given."""

    store: Store
    sender: Sender
    now: Callable[[], datetime]
    """The clock: aware, in UTC."""
    new_uid: Callable[[], str]
    """Makes run uids that sort by creation (ULIDs)."""
    allowed_run_id_pattern: str
    """Airflow's ``[scheduler] allowed_run_id_pattern``."""
    dags_are_paused_at_creation: bool = True
    """Airflow's ``[core] dags_are_paused_at_creation``."""
    observe: Observe = unobserved
    """Is told what is to be measured."""
    entropy: random.Random = field(default_factory=random.SystemRandom)
    """Chance, for ids."""
    graphs: dict[tuple[str, str], Graph] = field(default_factory=dict)
    """Graphs by DAG id and version, which are immutable: built once per process."""
    pools_seen: dict[str, Pool] = field(default_factory=dict)
    """Pools as this process saw them last: a hint at which shard to knock, never a decision."""

    def send(self, message: Message, delay_seconds: int = 0) -> None:
        """Send one message; its receiver sees it after that many seconds. 1 request."""
        self.sender.send([Outgoing(message=message, delay_seconds=delay_seconds)])

    def items(self, run_uid: str) -> RunItems:
        """All items of a run as they are now; 1 request per MB."""
        return RunItems.of(run_uid, self.store.task_instances.list(run_uid))

    def instance(self, run_uid: str, task_id: str, map_index: int = NOT_MAPPED) -> TaskInstance:
        """A task instance as it is now, untouched ones included; 1 request."""
        return self.at(run_uid, task_key(task_id, map_index))

    def instance_of(self, run_uid: str, task: Task, map_index: int) -> TaskInstance:
        """The same; one of a mapped task that is expanded says of how many it is one.

        1 request, 2 for a map index that nothing has touched.
        """
        item = self.instance(run_uid, task.task_id, map_index)
        if map_index == NOT_MAPPED or task.expansion is None or item.map_length is not None:
            return item
        known = (item, self.instance(run_uid, task.task_id))
        return RunItems.of(run_uid, ((each.key, each) for each in known)).instance_of(task, map_index)

    def at(self, run_uid: str, key: str) -> TaskInstance:
        """An item of a run as it is now, untouched ones included; 1 request."""
        return self.store.task_instances.get(run_uid, key) or untouched(run_uid, key)
