"""The width of a graph: how many tasks of one run can be at work at once."""

from collections.abc import Iterable, Mapping
from typing import Protocol


class _Node(Protocol):
    """What counts of a task here."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """Ids of the tasks before it."""

    @property
    def is_empty(self) -> bool:
        """Whether it needs no worker."""

    @property
    def waits_for_all(self) -> bool:
        """Whether it starts only after each task before it has ended."""


def widest(tasks: Mapping[str, _Node]) -> int:
    """No more tasks of one run than this can be at work at once; tasks come in topological order.

    Tasks that wait for each other form a chain, of which one is at work; the number of chains that
    cover the graph bounds its width (Dilworth). The cover is greedy, so the bound may be too high.
    """
    return sum(any(not tasks[name].is_empty for name in chain) for chain in _chains(tasks))


def _chains(tasks: Mapping[str, _Node]) -> Iterable[list[str]]:
    by_tail: dict[str, list[str]] = {}
    chains: list[list[str]] = []
    for name, task in tasks.items():
        before = next((up for up in task.upstream if up in by_tail), None) if task.waits_for_all else None
        chain = by_tail.pop(before) if before is not None else []
        if not chain:
            chains.append(chain)
        chain.append(name)
        by_tail[name] = chain
    return chains
