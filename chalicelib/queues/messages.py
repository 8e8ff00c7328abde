"""The JSON form of messages: ``{"v": 1, "type": "start_run", ...fields}``.

Fields are those of ``domain.messages``, datetimes as ISO texts, nested dataclasses as objects. A
reader ignores fields it does not know, so that a newer sender may add some while both are deployed.
"""

import json
from typing import Any

from chalicelib.domain import messages
from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.messages import Message

VERSION = 1

_TYPES: dict[str, type[Any]] = {
    "start_run": messages.StartRun,
    "open_tasks": messages.OpenTasks,
    "open_instances": messages.OpenInstances,
    "rescue_run": messages.RescueRun,
    "retry_task": messages.RetryTask,
    "poke_task": messages.PokeTask,
    "follow_task": messages.FollowTask,
    "wake_pool": messages.WakePool,
    "dag_unpaused": messages.DagUnpaused,
    "schedule_dag": messages.ScheduleDag,
    "backfill_dag": messages.BackfillDag,
    "worker_lost": messages.WorkerLost,
    # What is sent keeps its form: these two were named so before "sweep" meant looking after a run only.
    "sweep_dag": messages.EraseDag,
    "sweep_run": messages.EraseRun,
    "end_tasks": messages.EndTasks,
    "alter_tasks": messages.AlterTasks,
    "time_out_run": messages.TimeOutRun,
    "register_dataset_events": messages.RegisterDatasetEvents,
    "run_task": messages.RunTask,
    "run_trigger": messages.RunTrigger,
    "run_callback": messages.RunCallback,
    "plan_next_run": messages.PlanNextRun,
    "infer_interval": messages.InferInterval,
    "backfill_by_timetable": messages.BackfillByTimetable,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


class UnreadableMessage(UpdraftError):
    """The body of a message is not one that this version of the code can read."""

    code = "unreadable_message"


def encode(message: Message) -> str:
    """The body of a message."""
    return json.dumps({"v": VERSION, "type": _NAMES[type(message)], **plain(message)})


def decode(body: str) -> Message:
    """The message of a body; raises ``UnreadableMessage``."""
    try:
        document = json.loads(body)
        kind = _TYPES[document["type"]]
        if document["v"] != VERSION:
            raise UnreadableMessage(f"message version {document['v']} is not known")
        message: Message = typed(kind, document)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableMessage(f"message cannot be read: {error!r}") from error
    return message
