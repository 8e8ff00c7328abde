"""``Declaration``: an event that triggers a DAG or changes a dataset, read from the stage's file of them.

The file is TOML, and stands beside the DAG files unless a setting says otherwise.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from chalicelib.domain.errors import UpdraftError
from chalicelib.events.conf import Conf, ConfError
from chalicelib.events.incoming import Event, EventBridgeEvent, SnsMessage, SqsMessage
from chalicelib.events.limits import check_filter_policy, check_rule
from chalicelib.events.patterns import OR, SNS_OPERATORS, Pattern, PatternError, check, matches
from chalicelib.settings import Settings

FILE_NAME = "events.toml"

S3_DETAIL_TYPES = frozenset(
    {
        "Object Created",
        "Object Deleted",
        "Object Restore Initiated",
        "Object Restore Completed",
        "Object Restore Expired",
        "Object Storage Class Changed",
        "Object Access Tier Changed",
        "Object ACL Updated",
        "Object Tags Added",
        "Object Tags Deleted",
    }
)
"""The detail types of S3's events in EventBridge (AWS, "EventBridge event message structure")."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUS = re.compile(r"[A-Za-z0-9._/-]{1,256}")
_TOPIC = re.compile(r"(arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:)?[A-Za-z0-9_-]{1,256}(\.fifo)?")


class DeclarationError(UpdraftError):
    """The file of declarations cannot be used; the text names the entry and says why."""

    code = "invalid_event_declaration"


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Objects:
    """Objects of a bucket whose key begins with ``prefix`` and ends with ``suffix``."""

    KEYS: ClassVar = frozenset({"bucket", "prefix", "suffix", "detail_types"})

    bucket: str
    """The bucket's name."""
    prefix: str = ""
    """The beginning of the key."""
    suffix: str = ""
    """The end of the key."""
    detail_types: tuple[str, ...] = ("Object Created",)
    """The kinds of events: some of ``S3_DETAIL_TYPES``."""

    bus: ClassVar[str] = "default"
    """S3 has no choice of bus."""

    @property
    def pattern(self) -> Pattern:
        """The pattern of the EventBridge rule."""
        detail: dict[str, Any] = {"bucket": {"name": [self.bucket]}}
        if self.prefix or self.suffix:
            detail["object"] = {"key": [self._key_pattern]}
        return {"source": ["aws.s3"], "detail-type": list(self.detail_types), "detail": detail}

    def fits(self, event: Event) -> bool:
        """Whether the event is of such an object."""
        return isinstance(event, EventBridgeEvent) and matches(self.pattern, event.document)

    @property
    def _key_pattern(self) -> Pattern:
        if not self.suffix:
            return {"prefix": self.prefix}
        if not self.prefix:
            return {"suffix": self.suffix}
        # The values of a list are alternatives, so both together take one pattern.
        return {
            "wildcard": "*".join(re.sub(r"[*\\]", r"\\\g<0>", text) for text in (self.prefix, self.suffix))
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPattern:
    """Events of a bus of EventBridge that fit a pattern."""

    KEYS: ClassVar = frozenset({"pattern", "bus"})

    pattern: Pattern
    """The pattern, as EventBridge's rules have it."""
    bus: str = "default"
    """The bus with the rule. An event does not say from which bus it came, so all that fit count."""

    def fits(self, event: Event) -> bool:
        """Whether the event fits the pattern."""
        return isinstance(event, EventBridgeEvent) and matches(self.pattern, event.document)


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicMessages:
    """Messages of an SNS topic."""

    KEYS: ClassVar = frozenset({"topic", "attributes"})

    topic: str
    """The topic's name or ARN."""
    attributes: Pattern | None = None
    """The pattern that the message's attributes fit; None: any do."""

    def fits(self, event: Event) -> bool:
        """Whether the event is such a message."""
        return (
            isinstance(event, SnsMessage)
            and self.topic in (event.topic, event.topic.rpartition(":")[2])
            and (self.attributes is None or matches(self.attributes, event.attributes))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueMessages:
    """Messages that were sent to the queue of events itself."""

    KEYS: ClassVar = frozenset({"attributes"})

    attributes: Pattern | None = None
    """The pattern that the message's attributes fit; None: any do."""

    def fits(self, event: Event) -> bool:
        """Whether the event is such a message."""
        return isinstance(event, SqsMessage) and (
            self.attributes is None or matches(self.attributes, event.attributes)
        )


Filter = S3Objects | EventPattern | TopicMessages | QueueMessages


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One entry of the file: events that trigger a DAG, or change a dataset."""

    label: str
    """The name of the entry in texts for people."""
    dag_id: str | None
    """The DAG that is triggered; None: a dataset is changed."""
    dataset: str | None = None
    """The URI of the dataset that is changed; None: a DAG is triggered."""
    filter: Filter
    """The events."""
    conf: Conf
    """The conf of the run that an event triggers; of a dataset the extra of its event."""


def declarations_of(settings: Settings) -> tuple[Declaration, ...]:
    """The declarations for this process; none if there is no file and no setting names one.

    Raises ``DeclarationError``.
    """
    path = settings.events_file or settings.dags_folder / FILE_NAME
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        if settings.events_file:
            raise DeclarationError(f"There is no file {path}, which UPDRAFT__EVENTS__FILE names") from None
        return ()
    return _read_as_of(path, changed)


@lru_cache(maxsize=1)
def _read_as_of(path: Path, _changed: int) -> tuple[Declaration, ...]:
    """Read the file, unless it is still as it was."""
    return read_declarations(path)


def read_declarations(path: Path) -> tuple[Declaration, ...]:
    """The entries of a file; raises ``DeclarationError``."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} cannot be read: {error}") from error
    return parse_declarations(text, path.name)


def parse_declarations(text: str, file: str = FILE_NAME) -> tuple[Declaration, ...]:
    """The entries of a file's text, in order; raises ``DeclarationError``."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DeclarationError(f"{file} is not TOML: {error}") from error
    entries = document.pop("event", [])
    if document or not isinstance(entries, list):
        raise DeclarationError(f"{file} takes [[event]] entries and nothing else")
    return tuple(
        _declaration(_Entry(entry, f"{file}, event {number}")) for number, entry in enumerate(entries, 1)
    )


class _Entry:
    """An entry while it is read; every refusal names it."""

    def __init__(self, fields: Any, label: str) -> None:
        if not isinstance(fields, dict):
            raise DeclarationError(f"{label}: an [[event]] is a table")
        self._fields: dict[str, Any] = fields
        target = fields.get("dag_id") or fields.get("dataset")
        self.label = f"{label} ({target})" if target and isinstance(target, str) else label

    def refuse(self, why: str) -> DeclarationError:
        """The error to raise."""
        return DeclarationError(f"{self.label}: {why}")

    def text(self, name: str, default: str | None = None, form: re.Pattern[str] | None = None) -> str:
        """A field that is a text, and looks as it must."""
        value = self._fields.get(name, default)
        if not isinstance(value, str) or (name not in self._fields and default is None):
            raise self.refuse(
                f"{name} is missing" if name not in self._fields else f"{name} has to be a text"
            )
        if form and not form.fullmatch(value):
            raise self.refuse(f"{name} cannot be {value!r}")
        return value

    def table(self, name: str) -> dict[str, Any] | None:
        """A field that is a table, if it is there."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.refuse(f"{name} has to be a table")
        return value

    def texts(self, name: str, default: Sequence[str], known: frozenset[str]) -> tuple[str, ...]:
        """A field that is a list of known texts."""
        value = self._fields.get(name, list(default))
        if not isinstance(value, list) or not value or not all(each in known for each in value):
            raise self.refuse(f"{name} takes a list of {', '.join(sorted(known))}")
        return tuple(value)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._fields

    def only(self, known: frozenset[str]) -> None:
        """Refuse fields that mean nothing here: they are most likely misspelled."""
        unknown = sorted(self._fields.keys() - known)
        if unknown:
            raise self.refuse(f"{unknown[0]} is unknown; there are {', '.join(sorted(known))}")


_KEYS_OF_DAG = frozenset({"dag_id", "source", "conf"})
_KEYS_OF_DATASET = frozenset({"dataset", "source", "extra"})

_URI = re.compile(r"[\x21-\x7e]{1,2000}")
"""Airflow's: ASCII, of the column's width."""


def _declaration(entry: _Entry) -> Declaration:
    is_of_dataset = entry.has("dataset")
    if is_of_dataset and entry.has("dag_id"):
        raise entry.refuse("it names a DAG and a dataset; an event for both takes two entries")
    dataset = entry.text("dataset", form=_URI) if is_of_dataset else None
    dag_id = None if is_of_dataset else entry.text("dag_id")
    source = entry.text("source")
    if source not in _SOURCES:
        raise entry.refuse(f"source is {source!r}; there are {', '.join(_SOURCES)}")
    kind, read = _SOURCES[source]
    entry.only((_KEYS_OF_DATASET if is_of_dataset else _KEYS_OF_DAG) | kind.KEYS)
    conf = _conf(entry, "extra" if is_of_dataset else "conf")
    return Declaration(label=entry.label, dag_id=dag_id, dataset=dataset, filter=read(entry), conf=conf)


def _conf(entry: _Entry, name: str) -> Conf:
    fields = entry.table(name)
    try:
        return Conf.of({"event": "@"} if fields is None else fields)
    except ConfError as error:
        raise entry.refuse(str(error)) from error


def _s3_objects(entry: _Entry) -> S3Objects:
    objects = S3Objects(
        bucket=entry.text("bucket", form=_BUCKET),
        prefix=entry.text("prefix", ""),
        suffix=entry.text("suffix", ""),
        detail_types=entry.texts("detail_types", ("Object Created",), S3_DETAIL_TYPES),
    )
    _accepted_as_rule(objects.pattern, entry)
    return objects


def _event_pattern(entry: _Entry) -> EventPattern:
    pattern = entry.table("pattern")
    if pattern is None:
        raise entry.refuse("pattern is missing")
    try:
        check(pattern)
    except PatternError as error:
        raise entry.refuse(f"pattern: {error}") from error
    _accepted_as_rule(pattern, entry)
    return EventPattern(pattern=pattern, bus=entry.text("bus", "default", _BUS))


def _accepted_as_rule(pattern: Pattern, entry: _Entry) -> None:
    try:
        check_rule(pattern)
    except PatternError as error:
        raise entry.refuse(f"pattern: {error}") from error


def _topic_messages(entry: _Entry) -> TopicMessages:
    attributes = _attributes(entry)
    try:
        check_filter_policy(attributes or {})
    except PatternError as error:
        raise entry.refuse(f"attributes: {error}") from error
    return TopicMessages(topic=entry.text("topic", form=_TOPIC), attributes=attributes)


def _queue_messages(entry: _Entry) -> QueueMessages:
    return QueueMessages(attributes=_attributes(entry))


def _attributes(entry: _Entry) -> Pattern | None:
    pattern = entry.table("attributes")
    if pattern is None:
        return None
    try:
        check(pattern, SNS_OPERATORS)
    except PatternError as error:
        raise entry.refuse(f"attributes: {error}") from error
    if _is_nested(pattern):
        raise entry.refuse("attributes: an attribute takes a list of values to match")
    return pattern


def _is_nested(pattern: Pattern) -> bool:
    """Whether a field has fields: message attributes have not."""
    return any(
        isinstance(wanted, Mapping) or (name == OR and any(map(_is_nested, wanted)))
        for name, wanted in pattern.items()
    )


_SOURCES: Mapping[str, tuple[type[Filter], Callable[[_Entry], Filter]]] = {
    "s3": (S3Objects, _s3_objects),
    "eventbridge": (EventPattern, _event_pattern),
    "sns": (TopicMessages, _topic_messages),
    "sqs": (QueueMessages, _queue_messages),
}
