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
    def needs_success(self) -> bool:
        """Whether it runs only if each task before it succeeded."""

    @property
    def most_instances(self) -> int | None:
        """How many instances a run has of it at most; None where that is not known."""

    @property
    def waits_for_all(self) -> bool:
        """Whether it starts only after each task before it has ended."""


def widest(tasks: Mapping[str, _Node]) -> int | None:
    """No more task instances of one run than this can be at work at once; tasks come in topological order.

    None where a run alone tells how many instances a task has. Tasks that wait for each other form a chain,
    of which one is at work, or for each map index one; the number of chains that cover the graph bounds its
    width (Dilworth). The cover is greedy, so the bound may be too high.
    """
    most = {name: 0 if task.is_empty else task.most_instances for name, task in tasks.items()}
    known = {name: count for name, count in most.items() if count is not None}
    if len(known) < len(most):
        return None
    return sum(max(known[name] for name in chain) for chain in _chains(tasks))


def _chains(tasks: Mapping[str, _Node]) -> Iterable[list[str]]:
    by_tail: dict[str, list[str]] = {}
    chains: list[list[str]] = []
    for name, task in tasks.items():
        before = next(
            (up for up in task.upstream if up in by_tail and _follows(task, by_tail[up], tasks)), None
        )
        chain = by_tail.pop(before) if before is not None else []
        if not chain:
            chains.append(chain)
        chain.append(name)
        by_tail[name] = chain
    return chains


def _follows(task: _Node, chain: list[str], tasks: Mapping[str, _Node]) -> bool:
    """Whether a task after the last one of a chain starts only when all of the chain have ended.

    A task with several upstreams may end without a try before all of them have; of what comes after it,
    only what asks for its success is sure not to run then.
    """
    may_end_early = any(len(tasks[name].upstream) > 1 for name in chain[1:])
    return task.waits_for_all and (task.needs_success or not may_end_early)
