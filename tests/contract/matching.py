"""Comparing an answer with what a case asks for: placeholders in texts, and lists with only some items."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_MOMENT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"
_OFFSET = r"([+-]\d\d:\d\d|Z)?"

_WITHIN_TEXTS = {
    "datetime": _MOMENT + r"(\.\d+)?" + _OFFSET,
    "datetime0": _MOMENT + _OFFSET,
    "datetime_url": r"\d{4}-\d\d-\d\d\+\d\d%3A\d\d%3A\d\d(\.\d+)?((%2B|-)\d\d%3A\d\d)?",
    "decimal": r"\d+(\.\d+)?(e-?\d+)?",
    "digits": r"\d+",
    "hex": r"[0-9a-f]+",
    "path": r"[^\s'\"]+",
    "string": r"[\s\S]+",
    "text": r"[\s\S]*",
}

_WHOLE_VALUES: dict[str, Callable[[Any], bool]] = {
    "any": lambda _value: True,
    "bool": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}

_PLACEHOLDER = re.compile(r"<<(\w+)>>")
_SET = re.compile(r"<<set:([^>]*)>>")


def differences(wanted: Any, got: Any, where: str = "body", *, subset: bool = False) -> Iterator[str]:
    """What of ``got`` is not as ``wanted``; nothing if all is. ``subset`` allows more keys in objects."""
    if isinstance(wanted, dict) and (choice := _special(wanted)):
        yield from choice(wanted, got, where, subset)
    elif isinstance(wanted, dict) and isinstance(got, dict):
        yield from _keys(wanted, got, where, subset)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (item, found) in enumerate(zip(wanted, got, strict=True)):
            yield from differences(item, found, f"{where}[{number}]", subset=subset)
    elif not _fits(wanted, got):
        yield f"{where}: wanted {wanted!r}, got {got!r}"


def text_fits(wanted: str, got: str) -> bool:
    """Whether a text is as wanted, placeholders filled."""
    if members := _SET.fullmatch(wanted):
        return sorted(re.findall(r"'([^']*)'", got)) == sorted(filter(None, members[1].split(",")))
    pieces = _PLACEHOLDER.split(wanted)
    literal, names = pieces[::2], pieces[1::2]
    pattern = re.escape(literal[0])
    for name, following in zip(names, literal[1:], strict=True):
        pattern += f"(?:{_WITHIN_TEXTS.get(name, re.escape(f'<<{name}>>'))})" + re.escape(following)
    return re.fullmatch(pattern, got) is not None


def _fits(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, str):
        whole = _PLACEHOLDER.fullmatch(wanted)
        if whole and whole[1] in _WHOLE_VALUES:
            return _WHOLE_VALUES[whole[1]](got)
        return isinstance(got, str) and text_fits(wanted, got)
    return type(wanted) is type(got) and bool(wanted == got)


def _keys(wanted: Mapping[str, Any], got: Mapping[str, Any], where: str, subset: bool) -> Iterator[str]:
    for key, value in wanted.items():
        if key in got:
            yield from differences(value, got[key], f"{where}.{key}", subset=subset)
        else:
            yield f"{where}.{key} is missing"
    if not subset:
        yield from (f"{where}.{key} is too much" for key in got if key not in wanted)


_Special = Callable[[Mapping[str, Any], Any, str, bool], Iterator[str]]


def _special(wanted: Mapping[str, Any]) -> _Special | None:
    if "$one_of" in wanted:
        return _one_of
    if "$subset" in wanted:
        return _subset
    return _list if any(key.startswith("$") for key in wanted) else None


def _one_of(wanted: Mapping[str, Any], got: Any, where: str, subset: bool) -> Iterator[str]:
    if not any(_is_like(choice, got, subset) for choice in wanted["$one_of"]):
        yield f"{where}: got {got!r}, which is none of {wanted['$one_of']!r}"


def _subset(wanted: Mapping[str, Any], got: Any, where: str, _subset: bool) -> Iterator[str]:
    yield from differences(wanted["$subset"], got, where, subset=True)


def _list(wanted: Mapping[str, Any], got: Any, where: str, subset: bool) -> Iterator[str]:
    if not isinstance(got, list):
        yield f"{where}: wanted a list, got {got!r}"
        return
    if wanted.get("$length", len(got)) != len(got):
        yield f"{where}: wanted {wanted['$length']} items, got {len(got)}"
    rest = iter(got)
    for item in wanted.get("$contains", ()):
        if not any(_is_like(item, found, subset) for found in rest):
            yield f"{where}: missing, or not in this place: {item!r}"
    for item in wanted.get("$has", ()):
        if not any(_is_like(item, found, subset) for found in got):
            yield f"{where}: missing: {item!r}"
    for item in wanted.get("$absent", ()):
        if any(_is_like(item, found, True) for found in got):
            yield f"{where}: should not be there: {item!r}"


def _is_like(wanted: Any, got: Any, subset: bool) -> bool:
    return next(differences(wanted, got, subset=subset), None) is None
