"""``Pattern``: EventBridge's event patterns, checked as AWS would and matched as its rules match.

The same language filters message attributes, as in SNS's filter policies. Of EventBridge's operators
``cidr`` is refused; SNS has no ``wildcard``.
"""

import operator
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from chalicelib.domain.errors import UpdraftError

Pattern = Mapping[str, Any]

OR = "$or"

ANYTHING_BUT = "anything-but"

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

SNS_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists"})
"""The operators of an SNS filter policy that are understood here."""

OPERATORS = SNS_OPERATORS | {"wildcard"}
"""The operators of an EventBridge rule that are understood here."""

_TEXT_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})


class PatternError(UpdraftError):
    """A pattern that cannot be used; the text says where and why."""

    code = "invalid_event_pattern"


def check(pattern: Pattern, allowed: frozenset[str] = OPERATORS, path: str = "") -> None:
    """Raise ``PatternError`` unless the pattern is one that AWS takes and ``matches`` understands."""
    if not pattern:
        raise PatternError(f"{path or 'the pattern'} is empty")
    for name, wanted in pattern.items():
        place = f"{path}.{name}" if path else name
        if name == OR:
            _check_alternatives(wanted, allowed, place)
        elif isinstance(wanted, Mapping):
            check(wanted, allowed, place)
        else:
            _check_values(wanted, allowed, place)


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    """Whether an event fits a pattern that ``check`` has let through."""
    return all(
        any(matches(alternative, event) for alternative in wanted)
        if name == OR
        else _field_matches(wanted, event.get(name, _ABSENT))
        for name, wanted in pattern.items()
    )


_ABSENT = object()


def _check_alternatives(wanted: Any, allowed: frozenset[str], place: str) -> None:
    if not isinstance(wanted, list) or len(wanted) < 2:
        raise PatternError(f"{place} takes a list of two patterns or more")
    for alternative in wanted:
        if not isinstance(alternative, Mapping):
            raise PatternError(f"{place} takes patterns, not {alternative!r}")
        check(alternative, allowed, place)


def _check_values(wanted: Any, allowed: frozenset[str], place: str) -> None:
    if not isinstance(wanted, list) or not wanted:
        raise PatternError(f"{place} takes a list of values to match, not {wanted!r}")
    for value in wanted:
        if isinstance(value, Mapping):
            _check_operator(value, allowed, place)
        elif not _is_scalar(value):
            raise PatternError(f"{place} cannot match {value!r}")


def _check_operator(value: Mapping[str, Any], allowed: frozenset[str], place: str) -> None:
    if len(value) != 1:
        raise PatternError(f'{place}: an operator stands alone, as in {{prefix = "a"}}, not {dict(value)!r}')
    ((name, operand),) = value.items()
    if name not in allowed:
        raise PatternError(f"{place}: {name!r} is not supported; there are {', '.join(sorted(allowed))}")
    if not _OPERAND_CHECKS.get(name, _is_text)(operand):
        raise PatternError(f"{place}: {name} cannot take {operand!r}")
    if name == ANYTHING_BUT and isinstance(operand, Mapping):
        _check_excluding(next(iter(operand)), allowed, place)


def _check_excluding(name: str, allowed: frozenset[str], place: str) -> None:
    if name not in allowed:
        raise PatternError(f"{place}: {ANYTHING_BUT} of {name!r} is not supported")


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _is_text(operand: Any) -> bool:
    return isinstance(operand, str)


def _is_wildcard(operand: Any) -> bool:
    if not isinstance(operand, str):
        return False
    parts = _wildcard_parts(operand)
    return ("*", "*") not in pairwise(parts) and "\\" not in parts


def _is_comparison(operand: Any) -> bool:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return False
    signs, bounds = operand[::2], operand[1::2]
    return all(sign in _COMPARISONS for sign in signs) and all(map(_is_number, bounds))


def _is_excluded(operand: Any) -> bool:
    if isinstance(operand, Mapping):
        return len(operand) == 1 and all(
            name in _TEXT_OPERATORS and all(isinstance(text, str) for text in _listed(texts))
            for name, texts in operand.items()
        )
    values = _listed(operand)
    return bool(values) and all(isinstance(each, str) or _is_number(each) for each in values)


def _is_truth(operand: Any) -> bool:
    return isinstance(operand, bool)


_OPERAND_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "numeric": _is_comparison,
    "anything-but": _is_excluded,
    "exists": _is_truth,
    "wildcard": _is_wildcard,
}


def _field_matches(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping):
        # A pattern of several fields has to fit one and the same object of an array.
        objects = [each for each in _listed(found) if isinstance(each, Mapping)]
        return any(matches(wanted, each) for each in objects or [{}])
    values = [each for each in _listed(found) if each is not _ABSENT and not isinstance(each, Mapping)]
    return any(_value_matches(each, values) for each in wanted)


def _value_matches(wanted: Any, values: list[Any]) -> bool:
    if not isinstance(wanted, Mapping):
        return any(_equal(wanted, value) for value in values)
    ((name, operand),) = wanted.items()
    if name == "exists":
        return bool(values) is operand
    return any(_OPERATIONS[name](value, operand) for value in values)


def _equal(wanted: Any, value: Any) -> bool:
    return bool(wanted == value) and isinstance(wanted, bool) == isinstance(value, bool)


def _on_text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: isinstance(value, str) and test(value, operand)


def _fits_wildcard(value: str, operand: str) -> bool:
    """Whether a text fits a wildcard, in a time that grows with the text, not with its square.

    A stranger may choose the text. Each piece between two stars is taken where it comes first: that leaves
    the most text for the pieces after it, so no place is tried twice.
    """
    first, *others = _pieces(operand)
    if not others:
        return value == first
    last = others.pop()
    position, end = len(first), len(value) - len(last)
    if end < position or not (value.startswith(first) and value.endswith(last)):
        return False
    for piece in others:
        found = value.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _pieces(operand: str) -> list[str]:
    """The texts between the stars of a wildcard."""
    pieces = [""]
    for part in _wildcard_parts(operand):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[-1]
    return pieces


def _wildcard_parts(operand: str) -> list[str]:
    """The characters of a wildcard. A star stands for any text; behind a backslash it stands for itself."""
    return re.findall(r"\\[*\\]|.", operand, re.DOTALL)


def _compares(value: Any, operand: list[Any]) -> bool:
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return _is_number(value) and all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _differs(value: Any, operand: Any) -> bool:
    if not isinstance(operand, Mapping):
        return not any(_equal(each, value) for each in _listed(operand))
    ((name, texts),) = operand.items()
    return not any(_OPERATIONS[name](value, text) for text in _listed(texts))


_OPERATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _on_text(str.startswith),
    "suffix": _on_text(str.endswith),
    "equals-ignore-case": _on_text(lambda value, operand: value.casefold() == operand.casefold()),
    "wildcard": _on_text(_fits_wildcard),
    "numeric": _compares,
    "anything-but": _differs,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
