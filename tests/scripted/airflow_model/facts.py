"""What the model reads off the shapes of a DAG: relations, setups, leaves, lengths."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property

from chalicelib.domain.graph.expansion import Expansion, sources_of
from tests.scripted.dags import Shape

EXECUTION_DATE = datetime(2025, 1, 1, tzinfo=UTC)


class Facts:
    """The shapes of a DAG by id, and what follows from them.

    ``upstream`` of a shape names all tasks directly before it, those it is mapped over among them.
    ``fail_stop`` is the DAG's; ``date`` is the run's execution date.
    """

    def __init__(
        self, shapes: Sequence[Shape], *, fail_stop: bool = False, date: datetime = EXECUTION_DATE
    ) -> None:
        self.fail_stop = fail_stop
        self.date = date
        self.shapes = {shape.task_id: shape for shape in shapes}
        self.number = {shape.task_id: number for number, shape in enumerate(shapes)}
        self.downstream: dict[str, list[str]] = {name: [] for name in self.shapes}
        for shape in shapes:
            for name in shape.upstream:
                self.downstream[name].append(shape.task_id)

    @cached_property
    def descendants(self) -> dict[str, frozenset[str]]:
        """All tasks behind a task, near and far."""
        found: dict[str, frozenset[str]] = {}
        for name in reversed(self.shapes):
            found[name] = frozenset(self.downstream[name]).union(
                *(found[after] for after in self.downstream[name])
            )
        return found

    @cached_property
    def indirect_setups(self) -> dict[str, tuple[str, ...]]:
        """For each task the setups that it needs and does not follow directly.

        It needs a setup whose teardown comes after it, or that has no teardown. A teardown needs none.
        """
        return {name: tuple(self._indirect_setups(name)) for name in self.shapes}

    def _indirect_setups(self, name: str) -> Iterator[str]:
        if self.shapes[name].role == "teardown":
            return
        for setup in self.shapes.values():
            if setup.role != "setup" or name not in self.descendants[setup.task_id]:
                continue
            own = {after for after in self.downstream[setup.task_id] if self.shapes[after].role == "teardown"}
            if setup.task_id not in self.shapes[name].upstream and (not own or own & self.descendants[name]):
                yield setup.task_id

    @cached_property
    def leaves(self) -> frozenset[str]:
        """The tasks whose ends make the state of the run."""
        counting = {
            name for name, shape in self.shapes.items() if shape.role != "teardown" or shape.fails_run
        }
        leaves = frozenset(name for name in counting if counting.isdisjoint(self.downstream[name]))
        return leaves or frozenset(name for name in self.shapes if not self.downstream[name])

    @property
    def present(self) -> Iterator[str]:
        """The tasks that the run has: those whose own dates include its date."""
        for name, shape in self.shapes.items():
            begins = shape.start_date is None or datetime.fromisoformat(shape.start_date) <= self.date
            if begins and (shape.end_date is None or self.date <= datetime.fromisoformat(shape.end_date)):
                yield name

    def returned(self, name: str, try_number: int) -> int | None:
        """How many items a success returns; None: no list."""
        shape = self.shapes[name]
        has_changed = try_number > 1 and shape.returns_later is not None
        return shape.returns_later if has_changed else shape.returns

    def groups(self, name: str) -> tuple[str, ...]:
        """The mapped groups around a task, outermost first."""
        return tuple(group.group_id for group in self.expansion(name).groups)

    def expansion(self, name: str) -> Expansion:
        """What a task is mapped over; without parts for a plain task."""
        return self.shapes[name].expansion or Expansion()

    def is_mapped(self, name: str) -> bool:
        """Whether a task is mapped, by itself or by a group."""
        return self.shapes[name].expansion is not None

    def is_mapped_itself(self, name: str) -> bool:
        """Whether a task is mapped by itself: Airflow's ``MappedOperator``."""
        return self.expansion(name).own is not None

    def nearest_sources(self, name: str) -> frozenset[str]:
        """The tasks that a task or the innermost mapped group around it is mapped over."""
        return frozenset(
            source for length in self.expansion(name).lengths[-1:] for source in sources_of(length)
        )

    def all_sources(self, name: str) -> frozenset[str]:
        """The tasks that a task or any mapped group around it is mapped over."""
        return frozenset(self.expansion(name).sources)

    def pushes(self, name: str, map_index: int) -> bool:
        """Whether the success of an instance leaves a return value."""
        return self.shapes[name].behaviour_of(map_index) != "nothing" and not self.shapes[name].is_empty

    def ordered_to_skip(self, name: str, map_index: int) -> frozenset[str]:
        """The tasks that a branch or a short circuit orders to be skipped when it succeeds."""
        shape = self.shapes[name]
        behaviour = shape.behaviour_of(map_index)
        direct = frozenset(self.downstream[name])
        if "branch" in shape.behaviours and behaviour in ("ok", "branch"):
            kept = frozenset(shape.choice_of(map_index))
            # What lies behind a chosen task stays, even where it also follows the branch directly.
            return direct - kept.union(*(self.descendants[chosen] for chosen in kept))
        if behaviour == "short":
            meant = direct if shape.gently else self.descendants[name]
            return frozenset(after for after in meant if self.shapes[after].role != "teardown")
        return frozenset()
