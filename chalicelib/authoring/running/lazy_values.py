"""Values of a task's context that cost a request, and so are found when they are used."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any


class Later:
    """A value that ``find`` finds, once."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    @cached_property
    def value(self) -> Any:
        """The value; raises what ``find`` raises."""
        return self._find()


def found(value: Any) -> Any:
    """The value itself, found if need be."""
    return value.value if isinstance(value, Later) else value


class LazyDict(dict[str, Any]):
    """A dict whose values are found when they are read; to its users a dict like any other."""

    def __getitem__(self, name: str) -> Any:
        return found(super().__getitem__(name))

    def __iter__(self) -> Iterator[str]:
        # That this is defined makes Python copy (dict(...), {**...}) by __getitem__, not by memory.
        return super().__iter__()

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        return found(super().get(name, default))

    def pop(self, name: str, *default: Any) -> Any:
        """The value of a name, which is then gone."""
        return found(super().pop(name, *default))

    def copy(self) -> dict[str, Any]:
        """A plain dict of all values."""
        return {name: self[name] for name in self}

    def items(self) -> Any:
        """Names and values."""
        return self.copy().items()

    def values(self) -> Any:
        """The values."""
        return self.copy().values()


def as_kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """A plain dict of the values as they are kept: nothing is found by copying."""
    if not isinstance(values, LazyDict):
        return dict(values)
    return {name: dict.__getitem__(values, name) for name in values}
