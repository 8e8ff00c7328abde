"""Rounds of loops in which a trigger sleeps, and how a suspended trigger is moved on by some of them.

A window that would repeat each round until now would make all calls of a trigger again. Where it comes by
the same sleep a second time, and nothing has changed but numbers, moments and places in iterators, it is in
a loop: what one round has changed, others change as well, so they are added without being run.
"""

import ctypes
import gc
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.running.live_locals import may_be_read

if TYPE_CHECKING:
    import asyncio

_DEEPEST = 3
_MOST_ITEMS = 50
_TOLERANCE = 1e-5
"""How exact a moment is as a number of seconds."""

_LONGEST_TEXT = 10_000
"""Bytes kept of the rounds of a trigger."""

_NOISE = 0.05
"""What differs by less from call to call is no counter, but for instance a time that a call took."""

_ENDLESS = 10**15
_MANY = 10**14
"""Items: more are those of an endless iterator."""

Place = tuple[tuple[str, int], ...]
"""Where a trigger sleeps: functions, the outermost first, and how far each has come."""


@dataclass(slots=True)
class _Number:
    """A number of a suspended trigger: a moment in seconds, or what an iterator has left, below 0."""

    value: float
    set: Callable[[float], None]


@dataclass(slots=True)
class Arrival:
    """A trigger that sleeps: where, since when by its own time, and with which values."""

    place: Place
    seconds: float
    at: float
    numbers: dict[str, _Number] = field(default_factory=dict)
    iterators: dict[str, Any] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    """How many items the iterators have left."""
    others: dict[str, Any] = field(default_factory=dict)
    """What is no number, as something to be compared."""
    lines: frozenset[tuple[str, int]] = frozenset()
    """Lines of its functions that have been run since the last arrival."""

    def values(self) -> dict[str, float]:
        """The numbers as they were on arrival."""
        return {name: number.value for name, number in self.numbers.items()}

    def advance(self, loop: "Rounds", rounds: int) -> int:
        """Add what so many rounds change; as many as iterators have items left are added, and returned."""
        rounds = self.advance_iterators(loop, rounds)
        for name, step in loop.steps.items():
            if rounds:
                self.numbers[name].set(self.numbers[name].value + step * rounds)
        return rounds

    def advance_iterators(self, loop: "Rounds", rounds: int) -> int:
        """The iterators alone, as above."""
        names = [name for name in loop.iterators if name in self.iterators]
        rounds = int(min([rounds, *(self.left[name] for name in names)]))
        for name in names:
            for _ in range(rounds):
                next(self.iterators[name], None)
        return rounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """The rounds of a loop, by two arrivals at one of its sleeps."""

    place: Place
    seconds: float
    at: float
    """When the sleep begins first, by the trigger's time."""
    period: float
    """The time of a round."""
    values: Mapping[str, float]
    """The numbers in the first round."""
    steps: Mapping[str, float]
    """By how much each round changes them."""
    iterators: tuple[str, ...]
    """The iterators of which each round takes an item."""
    may_end_by_numbers: bool
    """Whether what it counts may end it, so that it cannot be told how many rounds it has."""
    places: tuple[Place, ...]
    """Where a round sleeps."""
    reached: int
    """The last round that was begun for certain."""
    begins_anywhere: bool
    """Whether all of a round is done before the trigger sleeps first, so that it may begin in any round."""

    def until(self, now: float) -> int:
        """How many rounds are over by then: of a loop that may end by what it counts, of those begun."""
        rounds = max(int((now - self.at + _TOLERANCE) // self.period), 0)
        return min(rounds, self.reached + 1) if self.may_end_by_numbers else rounds

    def goes_on(self, other: "Rounds") -> bool:
        """Whether a further round has changed the same."""
        return (
            self.iterators == other.iterators
            and self.steps.keys() == other.steps.keys()
            and abs(self.period - other.period) < _TOLERANCE
            and all(abs(step - other.steps[name]) < _TOLERANCE for name, step in self.steps.items())
        )

    def at_round(self, at: float) -> "Rounds":
        """It, in the round of that time."""
        return replace(self, reached=max(round((at - self.at) / self.period), self.reached))

    def advance(self, trigger: Any, rounds: int) -> None:
        """Count so many rounds in the attributes of a trigger that has not begun."""
        numbers = dict(_of_attributes(trigger))
        for name, step in self.steps.items():
            if step and name in numbers:
                numbers[name].set(numbers[name].value + step * rounds)

    def meet(self, arrival: Arrival, now: float) -> float:
        """Move a trigger on that comes by first; by how much its time changes.

        One that began in its present round, with its attributes as they are then, is right already unless
        it counts anywhere else. Else its last round is looked at again, with the numbers of that round, so
        that it may end.
        """
        rounds = self.until(now)
        if arrival.place != self.place or not rounds:
            return 0.0
        begun_in = rounds if self.begins_anywhere else 0
        wanted = rounds if self._is_right(arrival, begun_in) and self.begins_anywhere else rounds - 1
        wanted = arrival.advance_iterators(self, wanted)
        if wanted != begun_in:
            for name, number in arrival.numbers.items():
                if name in self.values:
                    number.set(self._expected(name, wanted))
        return self.at + wanted * self.period - arrival.at

    def _is_right(self, arrival: Arrival, rounds: int) -> bool:
        return all(
            name not in self.values or abs(number.value - self._expected(name, rounds)) < _TOLERANCE
            for name, number in arrival.numbers.items()
        )

    def _expected(self, name: str, rounds: int) -> float:
        return self.values[name] + self.steps.get(name, 0) * rounds

    def text(self) -> str:
        """What is kept of it until the next window; nothing of what is too long."""
        text = json.dumps(asdict(self))
        return text if len(text) <= _LONGEST_TEXT else ""

    @classmethod
    def of_text(cls, text: str) -> "Rounds | None":
        """What was kept; None: nothing."""
        if not text:
            return None
        kept = json.loads(text)
        return cls(
            **kept
            | {
                "place": _place(kept["place"]),
                "places": tuple(map(_place, kept["places"])),
                "iterators": tuple(kept["iterators"]),
            }
        )


def _place(kept: Any) -> Place:
    return tuple((function, line) for function, line in kept)


def rounds_between(first: Arrival, second: Arrival, places: Iterable[Place] = ()) -> Rounds | None:
    """The loop in which a trigger came by a place twice; None: more than numbers has changed.

    ``places`` are those where it slept meanwhile.
    """
    period = second.at - first.at
    is_same = (first.seconds, first.others) == (second.seconds, second.others)
    if period <= 0 or not is_same or first.numbers.keys() != second.numbers.keys():
        return None
    taken = _taken(first, second)
    if taken is None:
        return None
    values = first.values()
    changed = {name: value - values[name] for name, value in second.values().items()}
    steps = {name: step for name, step in changed.items() if abs(step) > _NOISE}
    return Rounds(
        place=first.place,
        seconds=first.seconds,
        at=first.at,
        period=period,
        values=values,
        steps=steps,
        iterators=taken,
        may_end_by_numbers=bool(steps) and all(second.left[name] > _MANY for name in taken),
        places=tuple({first.place, *places}),
        reached=1,
        begins_anywhere=second.lines <= first.lines,
    )


def _taken(first: Arrival, second: Arrival) -> tuple[str, ...] | None:
    """The iterators of which an item was taken; None: of some, others were, or they are others."""
    if first.left.keys() != second.left.keys():
        return None
    items = {name: first.left[name] - left for name, left in second.left.items()}
    is_same = all(second.iterators[name] is iterator for name, iterator in first.iterators.items())
    return tuple(name for name in items if items[name]) if is_same and {*items.values()} <= {0, 1} else None


def arrival_of(task: "asyncio.Task[Any]", seconds: float, at: float, trigger: Any) -> Arrival | None:
    """How a task of a trigger sleeps; None: it uses iterators of which it is not known what they count."""
    place: list[tuple[str, int]] = []
    arrival = Arrival((), seconds, at)
    for number, (suspended, frame) in enumerate(_suspended(task.get_coro())):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("chalicelib.authoring.running"):
            continue
        place.append((f"{module}.{frame.f_code.co_qualname}", frame.f_lasti))
        if module.split(".")[0] != "asyncio" and not _note(arrival, f"{number}", suspended, frame, trigger):
            return None
    arrival.place = tuple(place)
    for name, item in _of_attributes(trigger):
        arrival.numbers[name] = item
    modules = _user_modules(trigger)
    for name, value in vars(trigger).items():
        if f"self.{name}" not in arrival.numbers:
            arrival.others[f"self.{name}"] = _comparable(value, modules, 0)
    return arrival


def _suspended(awaited: Any) -> Iterator[tuple[Any, FrameType]]:
    """What a task is suspended in, the outermost first."""
    while awaited is not None:
        frame = _attribute(awaited, "frame")
        if frame is not None:
            yield awaited, frame
        after = _attribute(awaited, "await") or _attribute(awaited, "yieldfrom")
        if after is None and frame is None:  # as what waits for the next item of an async generator
            after = next((each for each in gc.get_referents(awaited) if isinstance(each, _CODE)), None)
        awaited = after


_CODE = (CoroutineType, AsyncGeneratorType, GeneratorType)


def _attribute(awaited: Any, name: str) -> Any:
    found = (getattr(awaited, f"{kind}_{name}", None) for kind in ("cr", "ag", "gi"))
    return next((each for each in found if each is not None), None)


def _note(arrival: Arrival, name: str, suspended: Any, frame: FrameType, trigger: Any) -> bool:
    """Note the values of a function; returns whether it is known what its iterators count."""
    modules = _user_modules(trigger)
    for key, value in frame.f_locals.items():
        if value is trigger:
            continue
        path = f"{name}.{key}"
        if (number := _as_number(value)) is not None:
            arrival.numbers[path] = _Number(number, _set_local(frame, key, value))
        elif may_be_read(frame, key):
            arrival.others[path] = _comparable(value, modules, 0)
    for place, iterator in enumerate(_iterators(suspended)):
        left = _left(iterator)
        if left is None:
            return False
        arrival.iterators[f"{name}#{place}"] = iterator
        arrival.left[f"{name}#{place}"] = left
    return True


def _iterators(suspended: Any) -> list[Any]:
    """The iterators of the loops in which a function is suspended."""
    found = gc.get_referents(suspended)
    return [
        each
        for each in found
        if hasattr(each, "__next__") and not isinstance(each, _CODE) and not _is_awaited(each)
    ]


def _is_awaited(each: Any) -> bool:
    return hasattr(each, "send")  # as no iterator of a loop has


def _left(iterator: Any) -> float | None:
    """How many items an iterator has left; None: it is not known, or items would be lost."""
    if isinstance(iterator, count):
        position = repr(iterator).removeprefix("count(").removesuffix(")")
        return _ENDLESS - int(position) if position.isdigit() else None
    if type(iterator).__name__ in ("range_iterator", "longrange_iterator", "list_iterator", "tuple_iterator"):
        return int(iterator.__length_hint__())
    if isinstance(iterator, enumerate):
        return _left(iterator.__reduce__()[1][0])
    return None


def _of_attributes(trigger: Any) -> Iterator[tuple[str, _Number]]:
    for name, value in [*vars(trigger).items()]:
        if (number := _as_number(value)) is not None:
            yield f"self.{name}", _Number(number, _set_attribute(trigger, name, value))


_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of moments without a time zone


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - _NAIVE_EPOCH).total_seconds()
    return None


def _like(value: Any, number: float) -> Any:
    """A number as the kind of value that it was."""
    if isinstance(value, datetime):
        return value + timedelta(seconds=number - (_as_number(value) or 0.0))
    return round(number) if isinstance(value, int) else number


def _set_attribute(owner: Any, name: str, value: Any) -> Callable[[float], None]:
    return lambda number: vars(owner).update({name: _like(value, number)})


def _set_local(frame: FrameType, name: str, value: Any) -> Callable[[float], None]:
    def change(number: float) -> None:
        frame.f_locals[name] = _like(value, number)
        # Until Python 3.13, f_locals is a copy, which debuggers write back like this.
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))

    return change


def _user_modules(trigger: Any) -> frozenset[str]:
    """The modules of a trigger's class and of those above it: objects of their classes are looked into."""
    return frozenset(kind.__module__ for kind in type(trigger).__mro__) - {"builtins"}


def _comparable(value: Any, modules: frozenset[str], depth: int) -> Any:
    """What can be compared of a value: itself where it is simple, else what it is made of, else its type."""
    kind = type(value).__name__
    if value is None or isinstance(value, bool | int | float | str | bytes | date | timedelta):
        return (kind, value)
    if depth >= _DEEPEST:
        return kind
    if isinstance(value, list | tuple | set | frozenset):
        items = [_comparable(item, modules, depth + 1) for item in [*value][:_MOST_ITEMS]]
        return (kind, len(value), items)
    if isinstance(value, Mapping):
        pairs = [*value.items()][:_MOST_ITEMS]
        return (kind, len(value), [(str(key), _comparable(item, modules, depth + 1)) for key, item in pairs])
    if type(value).__module__ in modules and hasattr(value, "__dict__"):
        return (kind, _comparable(vars(value), modules, depth + 1))
    return kind
