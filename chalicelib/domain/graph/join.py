"""``Join``: where the ends of several tasks meet, before a task or before the end of the run."""

from dataclasses import dataclass

from chalicelib.domain.graph.trigger_rules import TriggerRule

BUCKET_SIZE = 64
"""Upstreams that meet in one item; above that they meet in buckets first, so that an item stays small."""


END_OF_RUN = ""
"""The task id of the join at the end of the run. No task has it: Airflow's ids are never empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """Where the ends of several tasks meet: before a task, or (``END_OF_RUN``) before the run's end."""

    task_id: str
    upstream: tuple[str, ...]
    trigger_rule: TriggerRule
    listens_to: tuple[str, ...] = ()
    """Tasks further up that may decide about this one (by ordering a skip, or as a setup that does not
    succeed) and whose end the upstreams do not imply, so that they have to be heard too."""
    skippers: frozenset[int] = frozenset()
    """The numbers of all that may decide so."""
    missing: tuple[str, ...] = ()
    """Tasks that it waits for too and that the run has not, by their own dates: a rule counts them."""

    def number(self, task_id: str) -> int:
        """The number under which a task leaves its notes here."""
        return (self.upstream + self.listens_to).index(task_id)

    @property
    def size(self) -> int:
        """How many tasks leave a note here."""
        return len(self.upstream) + len(self.listens_to)

    @property
    def bucket_count(self) -> int:
        """How many buckets the upstreams meet in first; 0 when they meet at the join itself."""
        return 0 if self.size <= BUCKET_SIZE else -(-self.size // BUCKET_SIZE)

    def bucket_size(self, bucket: int) -> int:
        """How many upstreams meet in a bucket."""
        return min(BUCKET_SIZE, self.size - bucket * BUCKET_SIZE)


def waited_for(join: Join) -> frozenset[str]:
    """The tasks that are sure to have ended before the task of a join starts or is ended."""
    if join.trigger_rule is TriggerRule.ALWAYS:
        return frozenset()
    senders = (*join.upstream, *join.listens_to)
    if join.trigger_rule.waits_for_all:
        return frozenset(senders)
    return frozenset(senders[number] for number in join.skippers)
