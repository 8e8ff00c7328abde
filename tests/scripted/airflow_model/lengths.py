"""Into how many instances a task is expanded, as far as the rows tell it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from chalicelib.domain.graph.expansion import Concat, Length, Literal, OutputOf, Product, Zip
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.tables import Key, State, Tables, is_finished


@dataclass(frozen=True)
class Lengths:
    """Lengths over the rows of one moment.

    ``flushed`` are the states that queries see: within a pass, changed states reach the database late.
    """

    facts: Facts
    tables: Tables
    flushed: Mapping[Key, State]

    def of_task(self, name: str) -> int | None:
        """The number of instances of a mapped task; None where that cannot be said yet."""
        return self.of_all(self.facts.expansion(name).lengths)

    def of_groups(self, name: str, innermost: str) -> int | None:
        """The number of instances that the groups around a task make, down to the named one."""
        groups = self.facts.expansion(name).groups
        depth = [group.group_id for group in groups].index(innermost) + 1
        return self.of_all(tuple(group.length for group in groups[:depth]))

    def of_all(self, lengths: tuple[Length, ...]) -> int | None:
        """The product; None where one is not known."""
        counts = [self._of(length) for length in lengths]
        return None if None in counts else prod(count for count in counts if count is not None)

    def _of(self, length: Length) -> int | None:
        match length:
            case Literal(count=count):
                return count
            case OutputOf(task_id=task_id):
                return self._of_output(task_id)
            case Product(parts=parts):
                return self.of_all(parts)
            case Zip(parts=parts) | Concat(parts=parts):
                known = [one for part in parts if (one := self._of(part)) is not None]
                return None if len(known) < len(parts) else _joined(length, known)

    def _of_output(self, name: str) -> int | None:
        """The items of a plain task's value, or the values of a mapped task once all of it has ended.

        A task in a mapped group has no length: Airflow keeps one per instance and looks for that of -1.
        """
        if not self.facts.is_mapped_itself(name):
            return self.tables.outputs.get((name, -1))
        if not all(is_finished(state) for (task_id, _), state in self.flushed.items() if task_id == name):
            return None
        return sum(task_id == name and index >= 0 for task_id, index in self.tables.outputs)


def _joined(length: Zip | Concat, counts: list[int]) -> int:
    if isinstance(length, Concat):
        return sum(counts)
    return max(counts) if length.longest else min(counts)
