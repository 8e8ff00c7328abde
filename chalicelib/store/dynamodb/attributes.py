"""The written forms of values that DynamoDB does not know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.constants import LIST, MAP, NUMBER, STRING

from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.domain.slots.pools import Holding, Parts


def instant_text(value: datetime) -> str:
    """An aware datetime in UTC, of fixed width, so that texts sort as the instants do."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class InstantAttribute(Attribute[datetime]):
    """An instant: ``2024-05-06T07:08:09.000000Z``."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """The text."""
        return instant_text(value)

    def deserialize(self, value: str) -> datetime:
        """The aware datetime, in UTC."""
        return datetime.fromisoformat(value)


class IntegerAttribute(Attribute[int]):
    """An integer."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """The digits."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """The integer."""
        return int(value)


class TextsAttribute(Attribute[tuple[str, ...]]):
    """Texts in order."""

    attr_type = LIST

    def serialize(self, value: tuple[str, ...]) -> list[dict[str, str]]:
        """The list."""
        return [{"S": text} for text in value]

    def deserialize(self, value: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
        """The texts."""
        return tuple(raw["S"] for raw in value)


class ScheduleAttribute(Attribute[Schedule]):
    """When a DAG runs by the clock, as a JSON text: it is only ever read and written as a whole."""

    attr_type = STRING

    def serialize(self, value: Schedule) -> str:
        """The text; what is as usual is left out."""
        usual = Schedule()
        given = {field.name: getattr(value, field.name) for field in fields(Schedule)}
        return json.dumps(
            {name: _json(field) for name, field in given.items() if field != getattr(usual, name)}
        )

    def deserialize(self, value: str) -> Schedule:
        """The schedule."""
        given = json.loads(value)
        for name in ("start_date", "end_date"):
            if name in given:
                given[name] = datetime.fromisoformat(given[name])
        given["events"] = tuple(map(datetime.fromisoformat, given.get("events", ())))
        given["further"] = tuple(given.get("further", ()))
        return Schedule(**given)


class DeferralAttribute(Attribute[Deferral]):
    """A deferral, as a JSON text: it is only ever read and written as a whole."""

    attr_type = STRING

    def serialize(self, value: Deferral) -> str:
        """The text."""
        return json.dumps(plain(value), ensure_ascii=False)

    def deserialize(self, value: str) -> Deferral:
        """The deferral."""
        deferral: Deferral = typed(Deferral, json.loads(value))
        return deferral


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return instant_text(value) if isinstance(value, datetime) else value


class PartsAttribute(Attribute[Parts]):
    """Pairs of numbers, compactly: ``0:16,3:1``; of a pool, 16 slots of shard 0 and one of shard 3."""

    attr_type = STRING

    def serialize(self, value: Parts) -> str:
        """The text."""
        return ",".join(f"{shard}:{slots}" for shard, slots in value)

    def deserialize(self, value: str) -> Parts:
        """The pairs."""
        pairs = (pair.split(":") for pair in value.split(","))
        return tuple((int(shard), int(slots)) for shard, slots in pairs)


class PayloadAttribute(Attribute[Payload]):
    """A payload as a JSON text."""

    attr_type = STRING

    def serialize(self, value: Payload) -> str:
        """The text."""
        return json.dumps(plain(value))

    def deserialize(self, value: str) -> Payload:
        """The payload."""
        payload: Payload = typed(Payload, json.loads(value))
        return payload


class NumbersAttribute(Attribute[tuple[int, ...]]):
    """Numbers in order, as a text: ``2,3``."""

    attr_type = STRING

    def serialize(self, value: tuple[int, ...]) -> str:
        """The text."""
        return ",".join(map(str, value))

    def deserialize(self, value: str) -> tuple[int, ...]:
        """The numbers."""
        return tuple(int(number) for number in value.split(","))


class HoldersAttribute(Attribute[Mapping[str, Holding]]):
    """Who holds slots of a shard: a map by holder, so that each is changed by itself."""

    attr_type = MAP

    def serialize(self, value: Mapping[str, Holding]) -> dict[str, Any]:
        """The map."""
        return {holder: holding_value(holding) for holder, holding in value.items()}

    def deserialize(self, value: Mapping[str, Any]) -> Mapping[str, Holding]:
        """The holdings by holder."""
        return {holder: _holding(raw["M"]) for holder, raw in value.items()}


def holding_value(holding: Holding) -> dict[str, Any]:
    """One holder's entry in DynamoDB's form."""
    return {"M": {"slots": {"N": str(holding.slots)}, "since": {"S": instant_text(holding.since)}}}


def _holding(raw: Mapping[str, Any]) -> Holding:
    return Holding(slots=int(raw["slots"]["N"]), since=datetime.fromisoformat(raw["since"]["S"]))
