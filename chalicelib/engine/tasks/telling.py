"""Ends that are told: the notes of a task, left on each item on the way to a join."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.join import Join
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import (
    End,
    Path,
    added_by,
    arrived,
    completion_place,
    is_news,
    is_to_be_told,
    left_as,
    passed_on,
)
from chalicelib.domain.tasks.notes import OWED
from chalicelib.domain.tasks.task_instances import TaskInstance, is_early
from chalicelib.domain.tasks.voiding import VOID, coded, generation
from chalicelib.engine.engine import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """What came of telling an end at a join."""

    is_new: bool
    """Whether it had not been told before."""
    item: TaskInstance | None
    """The item of the join as it is now; None where it heard nothing new (a bucket keeps it yet)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """The notes of one run's tasks while one message of it is handled."""

    engine: Engine
    graph: Graph
    run_uid: str

    def arrive(self, join: Join, path: Path, end: End, *, again: bool = False) -> Arrival:
        """Leave what an end tells at a join, and pass it on as far as it is news there.

        ``again``: it may have been told before, and not been passed on. 1 request for each item.
        """
        added = added_by(self.graph, join, end, path[0].number)
        if not added:
            return Arrival(is_new=False, item=None)
        is_new, item = self.leave(path[0].key, added)
        for place, above in pairwise(path):
            told = is_to_be_told(place, item.notes) if again else is_news(place, item.notes, added)
            if not told:
                return Arrival(is_new=is_new, item=None)
            added = passed_on(place, item.notes, above.number)
            _, item = self.leave(above.key, added)
        return Arrival(is_new=is_new, item=item)

    def make_void(self, path: Path, clears: int) -> None:
        """Make void what an instance has told, after so many clears, where those of its task meet.

        1 request for each item. What lies beyond hears of it when they tell of themselves again.
        """
        _, item = self.leave(path[0].key, {VOID: coded(path[0].number, clears)})
        for place, above in pairwise(path):
            void = {VOID: coded(above.number, generation(item.notes) - 1)}
            _, item = self.leave(above.key, passed_on(place, item.notes, above.number) | void)

    def owe_completion(self, item: TaskInstance) -> None:
        """Have the end of the run wait until all upstreams of a task have ended that ended before them.

        To be done before its end is told to any task. 1 request.
        """
        place = completion_place(self.graph, item.task_id)
        self.leave(place.key, left_as(place.number, item.clears, (OWED,)))

    def complete(self, item: TaskInstance) -> TaskInstance:
        """Tell the end of the run that all upstreams of such a task have ended; its item as it is then."""
        place = completion_place(self.graph, item.task_id)
        return self.leave(place.key, left_as(place.number, item.clears, (TaskInstanceState.SUCCESS,)))[1]

    def complete_if_due(self, item: TaskInstance) -> TaskInstance | None:
        """The same if the task ended early and they have; else None."""
        is_due = is_early(item) and arrived(self.graph.join_before(item.task_id), item.notes).complete
        return self.complete(item) if is_due else None

    def leave(self, key: str, added: Mapping[str, int]) -> tuple[bool, TaskInstance]:
        """Leave notes on an item: whether any is new, and the item as it is then. 1 request."""
        write = self.engine.store.task_instances.arrive(self.run_uid, key, added)
        return write.applied, write.item


def later(one: TaskInstance | None, other: TaskInstance | None) -> TaskInstance | None:
    """Of two answers of the same item the one of the later write: notes are only ever added."""
    if one is None or other is None:
        return one or other
    return other if _weight(other) >= _weight(one) else one


def _weight(item: TaskInstance) -> int:
    return sum(map(len, item.notes.values()))
