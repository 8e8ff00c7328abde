"""The JSON form of messages: ``{"v": 1, "type": "start_run", ...fields}``.

Fields are those of ``domain.messages``, datetimes as ISO texts, nested dataclasses as objects. A
reader ignores fields it does not know, so that a newer sender may add some while both are deployed.
"""

import json
import types
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from chalicelib.domain import messages
from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.messages import Message

VERSION = 1

_TYPES: dict[str, type[Any]] = {
    "start_run": messages.StartRun,
    "open_tasks": messages.OpenTasks,
    "rescue_run": messages.RescueRun,
    "retry_task": messages.RetryTask,
    "poke_task": messages.PokeTask,
    "follow_task": messages.FollowTask,
    "wake_pool": messages.WakePool,
    "dag_unpaused": messages.DagUnpaused,
    "schedule_dag": messages.ScheduleDag,
    "backfill_dag": messages.BackfillDag,
    "worker_lost": messages.WorkerLost,
    "sweep_dag": messages.SweepDag,
    "sweep_run": messages.SweepRun,
    "end_tasks": messages.EndTasks,
    "alter_tasks": messages.AlterTasks,
    "time_out_run": messages.TimeOutRun,
    "run_task": messages.RunTask,
    "run_callback": messages.RunCallback,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


class UnreadableMessage(UpdraftError):
    """The body of a message is not one that this version of the code can read."""

    code = "unreadable_message"


def encode(message: Message) -> str:
    """The body of a message."""
    return json.dumps({"v": VERSION, "type": _NAMES[type(message)], **_plain(message)})


def decode(body: str) -> Message:
    """The message of a body; raises ``UnreadableMessage``."""
    try:
        document = json.loads(body)
        kind = _TYPES[document["type"]]
        if document["v"] != VERSION:
            raise UnreadableMessage(f"message version {document['v']} is not known")
        message: Message = _typed(kind, document)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage(f"message cannot be read: {error!r}") from error
    return message


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: _plain(item) for name, item in pairs if item is not None}
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _typed(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(option for option in get_args(kind) if option is not type(None))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _typed(hints[name], value[name]) for name in hints if name in value})
    if kind is datetime:
        return _aware(datetime.fromisoformat(value))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no offset")
    return moment


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
