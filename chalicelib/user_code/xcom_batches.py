"""Batches of XComs: the values of a mapped task on their way from the worker to a try, some at a time."""

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

BATCH_CHARACTERS = 1_000_000
"""A batch ends with the value that makes it that long."""

MOST_OPEN = 100
"""How many pulls of one try the worker remembers; the one that was not asked for longest goes."""

IndexedValues = Iterator[tuple[int, str]]
"""Map indexes and JSON texts."""


@dataclass(frozen=True, slots=True)
class OpenPulls:
    """The worker's side: pulls of one try that have more values than it was given yet."""

    _rest: OrderedDict[int, IndexedValues] = field(default_factory=OrderedDict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def first(self, values: IndexedValues, characters: int = BATCH_CHARACTERS) -> tuple[dict[str, Any], str]:
        """The first batch of a pull, of so many characters: header and text of its frame."""
        return self._batch(next(self._numbers), values, characters)

    def more(self, number: int) -> tuple[dict[str, Any], str]:
        """The next batch of a pull; raises ``KeyError`` if it is not remembered."""
        return self._batch(number, self._rest.pop(number), BATCH_CHARACTERS)

    def _batch(self, number: int, values: IndexedValues, characters: int) -> tuple[dict[str, Any], str]:
        batch = list(_until_long(values, characters))
        following = next(values, None)
        if following is not None:
            self._rest[number] = itertools.chain([following], values)
            if len(self._rest) > MOST_OPEN:
                self._rest.popitem(last=False)
        header = {
            "indexes": [index for index, _ in batch],
            "lengths": [len(text) for _, text in batch],
            "more": None if following is None else number,
        }
        return header, "".join(text for _, text in batch)


def values_of(header: dict[str, Any], text: str) -> IndexedValues:
    """The try's side: the values of a batch."""
    lengths: Sequence[int] = header["lengths"]
    ends = itertools.accumulate(lengths)
    for index, length, end in zip(header["indexes"], lengths, ends, strict=True):
        yield index, text[end - length : end]


def _until_long(values: IndexedValues, characters: int) -> IndexedValues:
    length = 0
    for index, text in values:
        yield index, text
        length += len(text)
        if length >= characters:
            return
