"""Functions on lists and dicts (``airflow.utils.helpers``)."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from chalicelib.authoring.notset import NotSet

T = TypeVar("T")
S = TypeVar("S")


def is_container(value: Any) -> bool:
    """Whether something can be iterated over and is no text."""
    return hasattr(value, "__iter__") and not isinstance(value, str)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """The items of a container; anything else alone in a tuple."""
    return tuple(value) if is_container(value) else (value,)


def as_flattened_list(lists: Iterable[Iterable[T]]) -> list[T]:
    """The items of several lists in one."""
    return list(itertools.chain.from_iterable(lists))


def chunks(items: list[T], chunk_size: int) -> Iterator[list[T]]:
    """Parts of a list, each of that length but the last; raises ``ValueError`` for a size below one."""
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def reduce_in_chunks(
    function: Callable[[S, list[T]], S], items: list[T], initializer: S, chunk_size: int = 0
) -> S:
    """Fold a list part by part; in one part if no size is given."""
    if not items:
        return initializer
    return functools.reduce(function, chunks(items, chunk_size or len(items)), initializer)


def partition(wanted: Callable[[T], bool], items: Iterable[T]) -> tuple[Iterable[T], Iterable[T]]:
    """The items that are not wanted, and those that are."""
    first, second = itertools.tee(items)
    return itertools.filterfalse(wanted, first), filter(wanted, second)


def merge_dicts(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> dict[Any, Any]:
    """Both dicts in a new one, dicts within them too; of two values of a key the second counts."""
    merged = dict(first)
    for key, value in second.items():
        within = isinstance(value, Mapping) and key in merged
        merged[key] = merge_dicts(merged[key], value) if within else value
    return merged


def prune_dict(value: Any, mode: str = "strict") -> Any:
    """A dict or list without what is None, at every depth; in mode ``truthy`` without what is false.

    A dict within that becomes empty is left out, too. Raises ``ValueError`` for another mode.
    """
    if mode not in ("strict", "truthy"):
        raise ValueError("allowable modes for `prune_dict` are 'strict' and 'truthy'.")

    def is_empty(item: Any) -> bool:
        return item is None if mode == "strict" else not item

    if isinstance(value, dict):
        pruned = {key: _pruned(item, mode) for key, item in value.items() if not is_empty(item)}
        return {
            key: item
            for key, item in pruned.items()
            if not (isinstance(value[key], dict | list) and not item)
        }
    if isinstance(value, list):
        return [_pruned(item, mode) for item in value if not is_empty(item)]
    return value


def _pruned(item: Any, mode: str) -> Any:
    return prune_dict(item, mode) if isinstance(item, dict | list) else item


def exactly_one(*values: Any) -> bool:
    """Whether exactly one of the values is true; raises ``ValueError`` for a list in place of values."""
    if len(values) == 1 and is_container(values[0]):
        raise ValueError(
            "Not supported for iterable args. Use `*` to unpack your iterable in the function call."
        )
    return sum(map(bool, values)) == 1


def at_most_one(*values: Any) -> bool:
    """Whether at most one of the values is true; ``NOTSET`` counts as false, and raises as above."""
    if len(values) == 1 and is_container(values[0]):
        raise ValueError(
            "Not supported for iterable args. Use `*` to unpack your iterable in the function call."
        )
    return sum(bool(value) and not isinstance(value, NotSet) for value in values) <= 1
