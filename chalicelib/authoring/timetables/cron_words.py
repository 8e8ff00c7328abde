"""Cron expressions in English, in the words that Airflow shows: ``At 06:30, only on Monday``.

Airflow has them of the library cron-descriptor. Expressions of five fields have such words, made of ``*``,
numbers, names, lists, ranges, steps, ``L`` and ``#``; any other has none, as Airflow has none for some.
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.schedule import cron

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = tuple(calendar.month_name)
_NUMBERS = {day[:3].upper(): str(number) for number, day in enumerate(_DAYS)}
_MONTH_NUMBERS = {month[:3].upper(): str(number) for number, month in enumerate(_MONTHS) if month}
_ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth"}
_SPECIAL = re.compile(r"[/\-,*]")
_UNSAID = re.compile(", every (?:minute|hour|day)(?! of)|, ?$")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """How one field is told."""

    every: str
    """Of ``*``."""
    step: Callable[[str], str]
    """Of a step, by its length."""
    between: str
    """Of a range that is all there is."""
    of: Callable[[str], str]
    """Of a number or list (given as it is written), with a place for its words."""
    name: Callable[[str], str] = str
    """Of a number."""


def description_of(expression: str) -> str:
    """The words for a cron expression, or an empty text."""
    fields = expression.split()
    if len(fields) != 5:
        return ""
    try:
        cron.check(expression)
        return _described(*_normal(fields))
    except (cron.NotACronExpression, ValueError, IndexError):
        return ""


def _normal(fields: list[str]) -> list[str]:
    """The fields with numbers for names, and each thing written in one way."""
    minute, hour, day, month, weekday = fields
    day, weekday = day.replace("?", "*"), weekday.replace("?", "*")
    for name, number in _MONTH_NUMBERS.items():
        month = month.upper().replace(name, number)
    weekday = re.sub(r"(?<![#/\d])7(?!\d)", "0", weekday.upper())
    for name, number in _NUMBERS.items():
        weekday = weekday.replace(name, number)
    if not _SPECIAL.search(hour) and re.search(r"[*/]", minute):
        hour = f"{hour}-{hour}"
    firsts = (("0", minute), ("0", hour), ("1", day), ("1", month), ("1", weekday))
    minute, hour, day, month, weekday = (_from_the_first(first, field) for first, field in firsts)
    return [minute, hour, day, _to_the_last(month, "12"), _to_the_last(weekday, "6")]


def _from_the_first(first: str, field: str) -> str:
    field = f"*/{field[2:]}" if field.startswith(f"{first}/") else field
    return "*" if field == "*/1" else field


def _to_the_last(field: str, last: str) -> str:
    start, slash, step = field.partition("/")
    return f"{start}-{last}/{step}" if slash and not re.search(r"[*\-,]", field) else field


def _described(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    parts = (
        _time_of_day(minute, hour),
        _day_of_month(day, weekday),
        "" if weekday == "*" else _day_of_week(weekday, has_day=day != "*"),
        _segment(month, _MONTH),
    )
    text = "".join(parts)
    while (shorter := _UNSAID.sub("", text)) != text:
        text = shorter
    return text[:1].upper() + text[1:]


def _time_of_day(minute: str, hour: str) -> str:
    is_one_minute, is_one_hour = not _SPECIAL.search(minute), not _SPECIAL.search(hour)
    if is_one_minute and is_one_hour:
        return f"At {_clock(hour, minute)}"
    if is_one_hour and "-" in minute and "," not in minute:
        first, last = minute.split("-")
        return f"Every minute between {_clock(hour, first)} and {_clock(hour, last)}"
    if is_one_minute and "," in hour and "-" not in hour:
        *others, last = (_clock(each, minute) for each in hour.split(","))
        return f"At {', '.join(others)} and {last}"
    is_hour_range = "-" in hour and not re.search("[/,]", hour)
    minutes = _Words(
        every="every minute",
        step=lambda length: f"every {length} minutes",
        between="minutes {0} through {1} past the hour",
        of=lambda text: "" if text == "0" and not is_hour_range else "at {0} minutes past the hour",
    )
    return ", ".join(filter(None, (_segment(minute, minutes), _segment(hour, _HOUR))))


def _clock(hour: str, minute: str) -> str:
    return f"{int(hour):02}:{int(minute):02}"


def _day_of_month(day: str, weekday: str) -> str:
    if day == "L":
        return ", on the last day of the month"
    if day == "*" and weekday != "*":
        return ""
    return _segment(day, _DAY)


def _day_of_week(weekday: str, *, has_day: bool) -> str:
    weekly = _weekly(weekday)
    if weekly:
        return weekly
    words = _Words(
        every=", every day",
        step=lambda length: f", every {length} days of the week",
        between=", {0} through {1}",
        of=lambda text: _on_days(text, has_day=has_day),
        name=_day_name,
    )
    return _segment(weekday, words)


def _weekly(weekday: str) -> str:
    """A step on days so few that each comes once: it counts weeks."""
    base, slash, step = weekday.partition("/")
    if not slash or not step.isdigit():
        return ""
    days = ""
    if "," in base:
        days = _segment(base, _WEEKDAYS)
    elif "-" in base:
        first, last = base.split("-")
        if int(step) >= (int(last) or 7) - int(first) + 1:
            days = (
                f", only on {_day_name(first)}"
                if last == "6"
                else _between(base, ", {0} through {1}", _day_name)
            )
    return days and f", every {step} weeks{days}"


def _on_days(text: str, *, has_day: bool) -> str:
    if "#" in text:
        return f", on the {_ORDINALS.get(text.partition('#')[2], '')} {{0}} of the month"
    if "L" in text:
        return ", on the last {0} of the month"
    return ", or on {0}" if has_day else ", only on {0}"


def _day_name(text: str) -> str:
    return _DAYS[int(text.partition("#")[0].replace("L", ""))]


_HOUR = _Words(
    every="every hour",
    step=lambda length: f"every {length} hours",
    between="between {0} and {1}",
    of=lambda _: "at {0}",
    name=lambda hour: _clock(hour, "0"),
)
_DAY = _Words(
    every=", every day",
    step=lambda length: ", every day" if length == "1" else f", every {length} days",
    between=", between day {0} and {1} of the month",
    of=lambda _: ", on day {0} of the month",
)
_MONTH = _Words(
    every="",
    step=lambda length: f", every {length} months",
    between=", {0} through {1}",
    of=lambda _: ", only in {0}",
    name=lambda month: _MONTHS[int(month)],
)
_WEEKDAYS = _Words(
    every="",
    step=lambda length: f", every {length} days of the week",
    between=", {0} through {1}",
    of=lambda _: ", only on {0}",
    name=_day_name,
)


def _segment(field: str, words: _Words) -> str:
    if field == "*":
        return words.every
    if "," in field:
        return words.of(field).format(_listed([_item(each, words) for each in field.split(",")]))
    base, slash, step = field.partition("/")
    if slash:
        return words.step(step) + _within(base, words)
    if "-" in field:
        return _between(field, words.between, words.name)
    return words.of(field).format(words.name(field))


def _within(base: str, words: _Words) -> str:
    """Where a step begins and ends."""
    if "-" in base:
        text = _between(base, words.between, words.name)
        return text if text.startswith(", ") else f", {text}"
    if base == "*":
        return ""
    return f", starting {words.of(base).format(words.name(base)).replace(', ', '')}"


def _item(item: str, words: _Words) -> str:
    """An element of a list."""
    base, slash, step = item.partition("/")
    inner = _between(base, "{0} through {1}", words.name) if "-" in base else ""
    if not slash:
        return inner or words.name(base)
    every = words.step(step).removeprefix(", ")
    if base == "*":
        return every
    return f"{every}, {inner or f'starting {words.name(base)}'}"


def _listed(items: list[str]) -> str:
    *others, last = items
    return f"{', '.join(others)}{',' if len(items) > 2 else ''} and {last}"


def _between(field: str, words: str, name: Callable[[str], str]) -> str:
    first, last = field.split("-")
    return words.format(name(first), name(last).replace(":00", ":59"))
