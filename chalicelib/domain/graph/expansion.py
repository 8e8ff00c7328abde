"""Expansion: what a task is mapped over, and into how many instances it is expanded by that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Literal:
    """A list or dict that stands in the DAG file."""

    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOf:
    """What a task returns: the items of its value, or if it is mapped the values of its instances."""

    task_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Zip:
    """Several lengths side by side: the shortest, or with a fill value the longest."""

    parts: "tuple[Length, ...]"
    longest: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Concat:
    """Several lengths one after another: their sum."""

    parts: "tuple[Length, ...]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """Several arguments of one ``expand``: each item of one with each of the others."""

    parts: "tuple[Length, ...]"


Length = Literal | OutputOf | Zip | Concat | Product


@dataclass(frozen=True, kw_only=True, slots=True)
class MappedGroup:
    """A task group that is mapped."""

    group_id: str
    length: Length


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """How a task is mapped: by itself, or with the mapped groups that it stands in (never both)."""

    own: Length | None = None
    """What the task itself is mapped over."""
    groups: tuple[MappedGroup, ...] = ()
    """The mapped groups around it, outermost first; its index counts through all of them."""
    is_direct: bool = True
    """Whether it stands in the innermost mapped group itself, not in a plain group inside that."""

    @property
    def lengths(self) -> tuple[Length, ...]:
        """What it is mapped over; the number of its instances is the product."""
        return (self.own,) if self.own is not None else tuple(group.length for group in self.groups)

    @property
    def sources(self) -> tuple[str, ...]:
        """The tasks whose outputs it is mapped over, each once."""
        return tuple(dict.fromkeys(name for length in self.lengths for name in sources_of(length)))

    @property
    def nearest_sources(self) -> tuple[str, ...]:
        """The tasks whose success it needs: of what it, or the innermost group, is mapped over (Airflow)."""
        return tuple(dict.fromkeys(sources_of(self.lengths[-1])))

    @property
    def literal_lengths(self) -> tuple[int, ...] | None:
        """What ``lengths`` come to where the DAG file alone tells it."""
        return None if self.sources else tuple(length_of(length, {}) for length in self.lengths)

    @property
    def literal(self) -> int | None:
        """The number of its instances where the DAG file alone tells it."""
        lengths = self.literal_lengths
        return None if lengths is None else prod(lengths)

    def by_literals(self, count: int) -> "Expansion":
        """The same with ``count`` for each length that the DAG file does not tell."""
        groups = tuple(replace(group, length=_literal(group.length, count)) for group in self.groups)
        return replace(self, own=self.own and _literal(self.own, count), groups=groups)


def _literal(length: Length, count: int) -> Literal:
    return Literal(count=count if any(sources_of(length)) else length_of(length, {}))


def sources_of(length: Length) -> Iterator[str]:
    """The tasks whose outputs a length depends on."""
    match length:
        case Literal():
            return
        case OutputOf(task_id=task_id):
            yield task_id
        case Zip(parts=parts) | Concat(parts=parts) | Product(parts=parts):
            for part in parts:
                yield from sources_of(part)


def length_of(length: Length, outputs: Mapping[str, int]) -> int:
    """The number that a length comes to; ``outputs`` are the lengths of the outputs, by task id."""
    match length:
        case Literal(count=count):
            return count
        case OutputOf(task_id=task_id):
            return outputs[task_id]
        case Zip(parts=parts, longest=longest):
            counts = [length_of(part, outputs) for part in parts]
            return max(counts) if longest else min(counts)
        case Concat(parts=parts):
            return sum(length_of(part, outputs) for part in parts)
        case Product(parts=parts):
            return prod(length_of(part, outputs) for part in parts)


def expansion_from_document(document: Mapping[str, Any] | None) -> Expansion | None:
    """Read a task's ``expansion`` in a serialized DAG; None for a task that is not mapped.

    ``{"own": LENGTH}``, or ``{"groups": [[group_id, LENGTH], ...], "is_direct": ...}``; a LENGTH is
    ``{"literal": n}``, ``{"output": task_id}``, ``{"zip": [...], "longest": ...}``, ``{"concat": [...]}`` or
    ``{"product": [...]}``.
    """
    if document is None:
        return None
    if "own" in document:
        return Expansion(own=_length(document["own"]))
    groups = tuple(MappedGroup(group_id=name, length=_length(length)) for name, length in document["groups"])
    return Expansion(groups=groups, is_direct=document["is_direct"])


def _length(document: Mapping[str, Any]) -> Length:
    match document:
        case {"literal": count}:
            return Literal(count=count)
        case {"output": task_id}:
            return OutputOf(task_id=task_id)
        case {"zip": parts, "longest": longest}:
            return Zip(parts=tuple(map(_length, parts)), longest=longest)
        case {"concat": parts}:
            return Concat(parts=tuple(map(_length, parts)))
        case {"product": parts}:
            return Product(parts=tuple(map(_length, parts)))
    raise ValueError(f"not a length: {document}")
