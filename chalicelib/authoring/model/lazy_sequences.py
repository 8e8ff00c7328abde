"""Lazy sequences: values that outputs stand for, whose items are read or made when they are used."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from chalicelib.authoring.notset import NOTSET


class LazyXComSelectSequence(Sequence[Any]):
    """A sequence of XComs by map index, without the instances that pushed none; Airflow's name of it.

    ``pull_all`` gives their texts; it is called once, and read as far as is needed. ``pull``, where no
    instance is without a value, gives the text of one map index, by a request of its own. ``decode`` makes
    the value of a text, anew each time that it is used.
    """

    def __init__(
        self,
        decode: Callable[[str], Any],
        pull_all: Callable[[], Iterator[str]],
        pull: Callable[[int], str | None] | None = None,
    ) -> None:
        self._decode = decode
        self._pull_all = pull_all
        self._pull = pull
        self._rest: Iterator[str] | None = None
        self._texts: list[str] = []

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            self._read_to(None)
            return [self._decode(text) for text in self._texts[index]]
        if not isinstance(index, int):
            raise TypeError(f"Sequence indices must be integers or slices, not {type(index).__name__}")
        if index >= 0 and self._pull is not None and self._rest is None:
            text = self._pull(index)
            if text is None:
                raise IndexError(index)
            return self._decode(text)
        self._read_to(index + 1 if index >= 0 else None)
        try:
            return self._decode(self._texts[index])
        except IndexError:
            raise IndexError(index) from None

    def __len__(self) -> int:
        self._read_to(None)
        return len(self._texts)

    def __bool__(self) -> bool:
        self._read_to(1)
        return bool(self._texts)

    def __iter__(self) -> Iterator[Any]:
        for position in itertools.count():
            self._read_to(position + 1)
            if position >= len(self._texts):
                return
            yield self._decode(self._texts[position])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        missing = object()
        pairs = itertools.zip_longest(self, other, fillvalue=missing)
        return all(mine == theirs for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]  # as of any list

    def __repr__(self) -> str:
        length = len(self)
        return f"LazySelectSequence([{length} item{'' if length == 1 else 's'}])"

    def _read_to(self, end: int | None) -> None:
        """Read until so many values are at hand; None: all."""
        if self._rest is None:
            self._rest = self._pull_all()
        wanted = None if end is None else max(end - len(self._texts), 0)
        self._texts.extend(itertools.islice(self._rest, wanted))


class MapResult(Sequence[Any]):
    """What ``map`` comes to: an item is mapped when it is asked for."""

    def __init__(self, value: Any, callables: Sequence[Callable[[Any], Any]]) -> None:
        self.value = value
        self.callables = callables

    def __getitem__(self, index: Any) -> Any:
        item = self.value[index]
        for function in self.callables:
            item = function(item)
        return item

    def __len__(self) -> int:
        return len(self.value)


class ZipResult(Sequence[Any]):
    """What ``zip`` comes to."""

    def __init__(self, values: Sequence[Any], *, fillvalue: Any = NOTSET) -> None:
        self.values = values
        self.fillvalue = fillvalue

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        return tuple(self._item(value, index) for value in self.values)

    def _item(self, value: Any, index: Any) -> Any:
        try:
            return value[index]
        except (IndexError, KeyError):
            return self.fillvalue

    def __len__(self) -> int:
        lengths = [len(value) for value in self.values]
        return min(lengths) if self.fillvalue is NOTSET else max(lengths)


class ConcatResult(Sequence[Any]):
    """What ``concat`` comes to."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    def __getitem__(self, index: Any) -> Any:
        left = index if index >= 0 else len(self) + index
        for value in self.values:
            if left < 0:
                break
            if left < len(value):
                return value[left] if isinstance(value, Sequence) else list(value)[left]
            left -= len(value)
        raise IndexError("list index out of range")

    def __len__(self) -> int:
        return sum(len(value) for value in self.values)
