"""Notes of tasks that may be cleared: which of them still count.

A task leaves its notes under a number. Once it is cleared, the notes of its earlier ends must not count
any more, also those that a late or repeated message leaves yet. So the number is coded with how often
the task had been cleared (its clears), and a ``VOID`` note with the same number says that what was left
after so many clears, and after fewer, is void. Notes are only ever added, so every step may be repeated.
"""

from collections.abc import Iterable, Mapping

VOID = "void"
"""Note that makes others void: those of its number, left after so many clears or fewer."""

STRIDE = 1_000_000
"""Greater than any number of a task at a join."""


def coded(number: int, clears: int) -> int:
    """The number under which a task that was cleared so often leaves its notes."""
    return number + clears * STRIDE


def standing(notes: Mapping[str, frozenset[int]]) -> Mapping[str, frozenset[int]]:
    """The notes that count, by plain numbers."""
    if not any(code >= STRIDE for codes in notes.values() for code in codes) and VOID not in notes:
        return notes
    first = first_that_counts(notes)
    return {name: _standing(codes, first) for name, codes in notes.items() if name != VOID}


def is_void(notes: Mapping[str, frozenset[int]], number: int, clears: int) -> bool:
    """Whether what a task left under this number, when it had been cleared so often, does not count."""
    return clears < first_that_counts(notes).get(number, 0)


def first_that_counts(notes: Mapping[str, frozenset[int]]) -> Mapping[int, int]:
    """The fewest clears that count, by number; where nothing is void, all do."""
    first: dict[int, int] = {}
    for code in notes.get(VOID, ()):
        clears, number = divmod(code, STRIDE)
        first[number] = max(first.get(number, 0), clears + 1)
    return first


def _standing(codes: Iterable[int], first: Mapping[int, int]) -> frozenset[int]:
    split = (divmod(code, STRIDE) for code in codes)
    return frozenset(number for clears, number in split if clears >= first.get(number, 0))
