"""Expand inputs: the arguments of ``expand`` and ``expand_kwargs``, of an operator or a task group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.authoring.exceptions import MapIndexTooHigh, NotOffered
from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY, Reference, XComArg
from chalicelib.domain.graph.expansion import Length, Literal, Product


@dataclass(frozen=True, kw_only=True, slots=True)
class MappedArguments:
    """The arguments of one index."""

    values: Mapping[str, Any]
    as_they_are: tuple[Any, ...] = ()
    """Those that are not rendered: they come from XComs, so what looks like a template in them is none."""


class DictOfListsExpandInput:
    """The arguments of ``expand``: each item of one with each of the others."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value

    @property
    def length(self) -> Length:
        """That of the only argument, or the product of all.

        Raises ``NotOffered`` for an argument of a mapped task group among them.
        """
        parts = tuple(map(_length, self.value.values()))
        return parts[0] if len(parts) == 1 else Product(parts=parts)

    def iter_references(self) -> Iterator[Reference]:
        """The arguments that are outputs; lists of outputs are none."""
        for value in self.value.values():
            if isinstance(value, XComArg):
                yield from value.iter_references()

    def arguments(self, context: Mapping[str, Any], index: int) -> MappedArguments:
        """The arguments of an index: the last one changes fastest.

        Raises ``TypeError`` for an output that has no items, ``MapIndexTooHigh`` where there are fewer items
        than when the task was expanded, and what a function given to ``map`` raises.
        """
        left, found = index, dict.fromkeys(self.value)
        first, *others = self.value
        for name in reversed(others):
            items = _resolved(self.value[name], context)
            left, place = divmod(left, len(items) or 1)
            found[name] = _item(items, place, index)
        found[first] = _item(_resolved(self.value[first], context), left, index)
        outputs = (name for name, value in self.value.items() if isinstance(value, XComArg))
        return MappedArguments(values=found, as_they_are=tuple(found[name] for name in outputs))

    def __repr__(self) -> str:
        return f"DictOfListsExpandInput(value={self.value!r})"


class ListOfDictsExpandInput:
    """The argument of ``expand_kwargs``: each of its items is a dict of arguments."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def length(self) -> Length:
        """That of the list."""
        return _length(self.value)

    def iter_references(self) -> Iterator[Reference]:
        """The output, or the outputs in the list."""
        for value in [self.value] if isinstance(self.value, XComArg) else self.value:
            if isinstance(value, XComArg):
                yield from value.iter_references()

    def arguments(self, context: Mapping[str, Any], index: int) -> MappedArguments:
        """The arguments of an index; templates in them are rendered, wherever they come from.

        Raises ``ValueError`` for what is no list of dicts with texts as keys, and as above.
        """
        mappings = _resolved(self.value, context)
        if not isinstance(mappings, Sequence):
            raise ValueError(f"expand_kwargs() expects a list[dict], not {_type_name(mappings)}")
        mapping = _resolved(_item(mappings, index, index), context)
        if not isinstance(mapping, Mapping):
            raise ValueError(f"expand_kwargs() expects a list[dict], not list[{_type_name(mapping)}]")
        for key in mapping:
            if not isinstance(key, str):
                raise ValueError(
                    "expand_kwargs() input dict keys must all be str, "
                    f"but {key!r} is of type {_type_name(key)}"
                )
        return MappedArguments(values=mapping)

    def __repr__(self) -> str:
        return f"ListOfDictsExpandInput(value={self.value!r})"


ExpandInput = DictOfListsExpandInput | ListOfDictsExpandInput


class MappedArgument:
    """An argument of a mapped group's function: stands for the item of the index that runs."""

    def __init__(self, expand_input: ExpandInput, key: str) -> None:
        self._input = expand_input
        self._key = key

    def iter_references(self) -> Iterator[Reference]:
        """The outputs that the group is mapped over."""
        return self._input.iter_references()

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The item; raises ``KeyError`` where a dict of ``expand_kwargs`` has none of that name."""
        arguments: MappedArguments = context["ti"].pulls.group_arguments(self._input, context)
        return arguments.values[self._key]

    def __repr__(self) -> str:
        return f"MappedArgument(_input={self._input!r}, _key={self._key!r})"


def references_in(value: Any) -> Iterator[Reference]:
    """The outputs in a value: in lists, tuples, sets, dicts and objects with ``template_fields``."""
    if isinstance(value, XComArg | MappedArgument):
        yield from value.iter_references()
    elif isinstance(value, DictOfListsExpandInput | ListOfDictsExpandInput):
        yield from references_in(value.value)
    elif isinstance(value, str):
        return
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from references_in(item)
    elif not isinstance(value, DependencyMixin | type) and hasattr(value, "template_fields"):
        for name in value.template_fields:
            yield from references_in(getattr(value, name, None))


def is_mappable(value: Any) -> bool:
    """Whether ``expand`` takes such a value."""
    if isinstance(value, str):
        return False
    return isinstance(value, MappedArgument | XComArg | Mapping | Sequence)


def check_list_of_dicts(value: Any) -> None:
    """Raise ``TypeError`` for what ``expand_kwargs`` does not take."""
    is_list = isinstance(value, Sequence) and all(isinstance(item, XComArg | Mapping) for item in value)
    if not is_list and not isinstance(value, XComArg):
        raise TypeError(f"expected XComArg or list[dict], not {type(value).__name__}")


def check_return_values(value: Any) -> None:
    """Raise ``ValueError`` for an output of another key than that of the return value."""
    if isinstance(value, XComArg):
        for operator, key in value.iter_references():
            if key != XCOM_RETURN_KEY:
                raise ValueError(f"cannot map over XCom with custom key {key!r} from {operator}")
    elif isinstance(value, Mapping):
        check_return_values(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            check_return_values(item)


def prevent_duplicates(first: Mapping[str, Any], second: Mapping[str, Any], *, fail_reason: str) -> None:
    """Raise ``TypeError`` with the names that both have."""
    both = [name for name in first if name in second]
    if len(both) == 1:
        raise TypeError(f"{fail_reason} argument: {both[0]}")
    if both:
        raise TypeError(f"{fail_reason} arguments: {', '.join(sorted(both))}")


def _resolved(value: Any, context: Mapping[str, Any]) -> Any:
    return value.resolve(context) if isinstance(value, XComArg) else value


def _item(items: Any, place: int, map_index: int) -> Any:
    """An item of a list, or of a dict as key and value."""
    if not isinstance(items, Sequence | dict):
        raise TypeError(f"can't map over value of type {type(items)}")
    try:
        return items[place] if isinstance(items, Sequence) else list(items.items())[place]
    except IndexError as error:
        if place < len(items):  # a function given to map raised it
            raise
        raise MapIndexTooHigh(map_index, len(items)) from error


def _type_name(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _length(value: Any) -> Length:
    if isinstance(value, XComArg):
        return value.length
    if isinstance(value, MappedArgument):
        raise NotOffered("expansion over an argument of a mapped task group")
    return Literal(count=len(value))
