"""Ends and expansions that a cascade tells, and the questions that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.graph.join import Join
from chalicelib.domain.graph.trigger_rules import Arrived
from chalicelib.domain.slots.pools import Parts
from chalicelib.domain.tasks.notes import Notes
from chalicelib.domain.tasks.task_instances import TaskInstance


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Something that is to be told: the end of a task instance, an expansion, what instances have come to."""

    item: TaskInstance
    again: bool = False
    """Whether it was there before, and may have been told."""
    met_at: Join | None = None
    """Where instances of a mapped task have met, if it is that; ``item`` is the item of that join."""
    levels: tuple[int, ...] = ()
    """The lengths of the mapped groups around it."""
    is_expansion: bool = False
    is_overwritten: bool = False
    """Whether an order took the place of the end that it had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A join that has heard of something: what is to become of what comes after it?"""

    join: Join
    item: TaskInstance
    known: Arrived | None = None
    """What is known where that is not on the item yet."""
    added: Mapping[str, int] = field(default_factory=dict)
    """The notes to leave with the answer."""
    prepaid: Parts = ()
    """Slots that were handed over."""
    redo: bool = False
    is_ordered: bool = False
    """Whether it has just been ordered to be skipped, whatever its state."""
    ordered_at: datetime | None = None
    """The end of the task that orders it."""
    levels: tuple[int, ...] = ()
    """The lengths of the mapped groups around an instance."""
    first_attempt: bool = True

    @property
    def key(self) -> str:
        """What tells it from the other questions of a wave."""
        join = self.join
        return f"{join.task_id}#{join.map_index}#{join.instances}#{join.depth}#{join.ancestor}"

    @property
    def left(self) -> Notes:
        """What the answer leaves on an item on which nothing was left before."""
        return {name: frozenset({number}) for name, number in self.added.items()}
