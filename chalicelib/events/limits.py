"""Limits of EventBridge and SNS to patterns that they understand: sizes, counts and numbers.

Beyond a limit they would refuse a pattern in the middle of a deployment. A pattern for the queue's own
messages goes to neither.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from typing import Any

from chalicelib.events.patterns import ANYTHING_BUT, OR, Pattern, PatternError

MOST_PATTERN_CHARACTERS = 2048
"""EventBridge's default quota of a rule's pattern; an account may have it raised to 4,096."""

MOST_FILTER_BYTES = 256 * 1024
MOST_FILTER_KEYS = 5
MOST_FILTER_COMBINATIONS = 150
"""SNS's constraints of a filter policy: all keys count, and the product of how many values each has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """The numbers that a service compares."""

    service: str
    """The service's name, for texts."""
    most: int
    """The greatest number; its negative is the least."""
    decimals: int
    """The most digits behind the point."""


OF_RULES = Numbers(service="EventBridge", most=5_000_000_000, decimals=6)
OF_FILTERS = Numbers(service="SNS", most=1_000_000_000, decimals=5)

_LOWER, _UPPER = frozenset({">", ">="}), frozenset({"<", "<="})


def check_rule(pattern: Pattern) -> None:
    """Raise ``PatternError`` for a pattern that ``patterns`` accepts and EventBridge does not."""
    _check_operands(pattern, OF_RULES)
    size = len(as_rule(pattern))
    if size > MOST_PATTERN_CHARACTERS:
        raise PatternError(
            f"it has {size} characters as JSON, and EventBridge takes {MOST_PATTERN_CHARACTERS}: "
            "make several [[event]] entries of it"
        )


def as_rule(pattern: Pattern) -> str:
    """The pattern as the text in a rule: one text for equal patterns."""
    return json.dumps(pattern, sort_keys=True)


def check_filter_policy(pattern: Pattern) -> None:
    """Raise ``PatternError`` for a pattern that ``patterns`` accepts and SNS does not."""
    _check_operands(pattern, OF_FILTERS)
    for place, operand in _operands(pattern, ANYTHING_BUT):
        # SNS knows anything-but with a prefix, one, and with no other operator.
        if isinstance(operand, Mapping) and not isinstance(operand.get("prefix"), str):
            raise PatternError(f'{place}: of SNS {ANYTHING_BUT} takes values or {{prefix = "a"}}')
    keys = _keys(pattern)
    if len(keys) > MOST_FILTER_KEYS:
        raise PatternError(f"it has {len(keys)} keys, and SNS takes {MOST_FILTER_KEYS}")
    combinations = _combinations(pattern)
    if combinations > MOST_FILTER_COMBINATIONS:
        raise PatternError(
            f"it has {combinations} combinations of values (how many each key has, multiplied), and SNS "
            f"takes {MOST_FILTER_COMBINATIONS}"
        )
    size = len(json.dumps(pattern))
    if size > MOST_FILTER_BYTES:
        raise PatternError(f"it has {size} bytes as JSON, and SNS takes {MOST_FILTER_BYTES}")


def _check_operands(pattern: Pattern, numbers: Numbers) -> None:
    for place, operand in _operands(pattern, "numeric"):
        _check_comparison(operand, place)
        for bound in operand[1::2]:
            _check_number(bound, numbers, place)
    for place, operand in _operands(pattern, ANYTHING_BUT):
        if isinstance(operand, Mapping):
            _check_excluded_texts(operand, place)
        else:
            _check_excluded(operand if isinstance(operand, list) else [operand], numbers, place)


def _check_excluded_texts(operand: Mapping[str, Any], place: str) -> None:
    for name in operand.keys() & {"prefix", "suffix"}:
        texts = operand[name] if isinstance(operand[name], list) else [operand[name]]
        if not all(texts):
            raise PatternError(f"{place}: {ANYTHING_BUT} of an empty {name} leaves nothing")


def _check_excluded(values: list[Any], numbers: Numbers, place: str) -> None:
    compared = [each for each in values if isinstance(each, int | float)]
    if compared and len(compared) < len(values):
        raise PatternError(f"{place}: {ANYTHING_BUT} takes texts or numbers, not both in one list")
    for each in compared:
        _check_number(each, numbers, place)


def _check_comparison(operand: list[Any], place: str) -> None:
    """One bound, or a lower and then an upper one that is above it."""
    if len(operand) == 2:
        return
    lower, bottom, upper, top = operand
    if lower not in _LOWER or upper not in _UPPER:
        raise PatternError(f'{place}: numeric takes a lower and then an upper bound, as in [">", 0, "<=", 5]')
    if bottom >= top:
        raise PatternError(f"{place}: no number is {lower} {bottom} and {upper} {top}")


def _check_number(number: float, numbers: Numbers, place: str) -> None:
    if not abs(number) <= numbers.most:  # so written, NaN is none, either
        raise PatternError(
            f"{place}: {numbers.service} compares numbers from -{numbers.most} to {numbers.most}, and "
            f"{number} is none of them"
        )
    exponent = Decimal(str(number)).normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > numbers.decimals:
        raise PatternError(
            f"{place}: {numbers.service} compares {numbers.decimals} decimals, and {number} has more"
        )


def _operands(pattern: Pattern, operator: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each place of an operator in the pattern, with the operand there."""
    for name, wanted in pattern.items():
        place = f"{path}.{name}" if path else name
        if isinstance(wanted, Mapping):
            yield from _operands(wanted, operator, place)
            continue
        for value in wanted:
            if name == OR:
                yield from _operands(value, operator, place)
            elif isinstance(value, Mapping) and operator in value:
                yield place, value[operator]


def _keys(pattern: Pattern) -> set[str]:
    alternatives = pattern.get(OR, [])
    return (pattern.keys() - {OR}).union(*(_keys(each) for each in alternatives))


def _combinations(pattern: Pattern) -> int:
    return prod(
        sum(_combinations(each) for each in wanted) if name == OR else len(wanted)
        for name, wanted in pattern.items()
    )
