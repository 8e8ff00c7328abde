"""What every use case is given."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.observations import Observation
from chalicelib.domain.slots.pools import Pool
from chalicelib.engine.ports.observer import Observe
from chalicelib.engine.ports.queue import Sender
from chalicelib.engine.ports.store import Store


def unobserved(_observation: Observation) -> None:
    """Where nobody measures: outside of Lambda."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The store, the queues, the clock (aware UTC) and the source of new identities.

    ``new_uid`` makes run uids that sort by creation (ULIDs); ``allowed_run_id_pattern`` is Airflow's
    ``[scheduler] allowed_run_id_pattern``, ``dags_are_paused_at_creation`` its ``[core]`` setting.
    """

    store: Store
    sender: Sender
    now: Callable[[], datetime]
    new_uid: Callable[[], str]
    allowed_run_id_pattern: str
    dags_are_paused_at_creation: bool = True
    observe: Observe = unobserved
    entropy: random.Random = field(default_factory=random.SystemRandom)
    graphs: dict[tuple[str, str], Graph] = field(default_factory=dict)
    """Graphs by DAG id and version, which are immutable: built once per process."""
    pools_seen: dict[str, Pool] = field(default_factory=dict)
    """Pools as this process saw them last: a hint at which shard to knock, never a decision."""
