"""Notes of tasks that may be cleared: which of them still count.

A task leaves its notes under a number. Once it is cleared, the notes of its earlier ends must not count
any more, also those that a late or repeated message leaves yet. So the number is coded with how often
the task had been cleared (its clears), and a ``VOID`` note with the same number says that what was left
after so many clears, and after fewer, is void. Notes are only ever added, so every step may be repeated.
"""

from collections.abc import Iterable, Mapping

VOID = "void"
"""Note that makes others void: those of its number, left after so many clears or fewer."""

_STRIDE = 1_000_000
_FAR_STRIDE = 1_000_000_000
"""Numbers that are greater, or were left after more clears, than the first form has room for."""


def coded(number: int, clears: int) -> int:
    """The number under which a task that was cleared so often leaves its notes."""
    if number < _STRIDE and clears < _FAR_STRIDE // _STRIDE:
        return number + clears * _STRIDE
    return number + (clears + 1) * _FAR_STRIDE


def decoded(code: int) -> tuple[int, int]:
    """Clears and number of such a code."""
    if code < _FAR_STRIDE:
        return divmod(code, _STRIDE)
    clears, number = divmod(code, _FAR_STRIDE)
    return clears - 1, number


def standing(notes: Mapping[str, frozenset[int]]) -> Mapping[str, frozenset[int]]:
    """The notes that count, by plain numbers."""
    if not any(code >= _STRIDE for codes in notes.values() for code in codes) and VOID not in notes:
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
        clears, number = decoded(code)
        first[number] = max(first.get(number, 0), clears + 1)
    return first


def _standing(codes: Iterable[int], first: Mapping[int, int]) -> frozenset[int]:
    split = map(decoded, codes)
    return frozenset(number for clears, number in split if clears >= first.get(number, 0))


def generation(notes: Mapping[str, frozenset[int]]) -> int:
    """How often something was made void among these notes: what they tell further on is numbered with it."""
    return len(notes.get(VOID, ()))
