"""``Join``: where the ends of several tasks meet: before a task, or before the end of the run."""

from dataclasses import dataclass

from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.states import TaskInstanceState

BUCKET_SIZE = 64
"""Senders that meet in one item; above that they meet in buckets first, so that an item stays small."""


END_OF_RUN = ""
"""The task id of the join at the end of the run. No task has it: Airflow's ids are never empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Where the ends of several tasks meet."""

    task_id: str
    """The task that comes after it, or whose own instances meet here (``collects``)."""
    upstream: tuple[str, ...] = ()
    """The tasks directly before it that leave their notes here."""
    trigger_rule: TriggerRule = TriggerRule.ALL_DONE
    listens_to: tuple[str, ...] = ()
    """Tasks further up that this one needs (setups, what it is mapped over) and whose end the upstreams do
    not imply, so that they have to be heard too."""
    wholes: frozenset[int] = frozenset()
    """The numbers of mapped tasks among the senders: they tell of a state before all their instances have
    ended, and count as ended when they say that they are complete."""
    missing: tuple[str, ...] = ()
    """Tasks that it waits for too and that the run has not, by their own dates: a rule counts them."""
    heeds: frozenset[TaskInstanceState] = frozenset()
    """The states that may decide what comes after before everything has ended: these are told at once."""
    map_index: int = -1
    """Which instance of the task it comes before; -1 (Airflow's for what is not mapped) for all of them."""
    instances: int | None = None
    """How many instances of the task itself meet here; None for a join before a task or the end of a run."""
    ancestor: int | None = None
    """Where they are only those of one index of a mapped group around: that index; ``depth`` says which."""
    depth: int = 0
    """How many mapped groups that index counts through."""

    def number(self, task_id: str) -> int:
        """The number under which a task leaves its notes here."""
        return (self.upstream + self.listens_to).index(task_id)

    @property
    def collects(self) -> bool:
        """Whether the instances of one mapped task meet here."""
        return self.instances is not None

    @property
    def size(self) -> int:
        """How many senders leave notes here."""
        return len(self.upstream) + len(self.listens_to) if self.instances is None else self.instances

    @property
    def bucket_count(self) -> int:
        """How many buckets the senders meet in first; 0 when they meet at the join itself."""
        return 0 if self.size <= BUCKET_SIZE else -(-self.size // BUCKET_SIZE)

    def bucket_size(self, bucket: int) -> int:
        """How many senders meet in a bucket."""
        return min(BUCKET_SIZE, self.size - bucket * BUCKET_SIZE)

    def wholes_in(self, bucket: int) -> frozenset[int]:
        """The numbers, within a bucket, of the mapped tasks that tell of themselves there."""
        first = bucket * BUCKET_SIZE
        return frozenset(number - first for number in self.wholes if 0 <= number - first < BUCKET_SIZE)
