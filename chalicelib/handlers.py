"""The Lambdas behind the queues and the clock: each message to its use case, each failure to its queue."""

import getpass
import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint, CloudWatchEvent, Rate, SQSEvent, SQSRecord

from chalicelib import bootstrap
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import (
    Message,
    RunCallback,
    RunTask,
    TimetableMessage,
    TriggererMessage,
    WorkerMessage,
)
from chalicelib.domain.observations import MessagePutAside
from chalicelib.queues.messages import UnreadableMessage, decode
from chalicelib.telemetry.bound import bind, bound, ids_of, request_id
from chalicelib.telemetry.log_lines import set_up

if TYPE_CHECKING:
    from chalicelib.engine.engine import Engine
    from chalicelib.engine.ports.worker import Invocation

BatchReply = dict[str, list[dict[str, str]]]
"""Which messages of a batch have failed, and stay in the queue (``ReportBatchItemFailures``)."""

TIME_OF_A_MESSAGE = timedelta(seconds=20)
"""What the longest message takes when DynamoDB is slow: 200 task instances, some 3 requests for each."""

blueprint = Blueprint(__name__)

logger = logging.getLogger(__name__)
set_up(os.environ)


@blueprint.on_sqs_message(
    queue=bootstrap.settings().resource("scheduling"),
    batch_size=10,
    maximum_concurrency=bootstrap.settings().scheduler_concurrency,
)
def scheduler(event: SQSEvent) -> BatchReply:
    """Moves runs on: starts them, wakes what waits, repairs what was lost."""
    from chalicelib.engine import dispatch

    engine = bootstrap.engine()

    def handle(record: SQSRecord) -> None:
        message = _message(record)
        if isinstance(message, WorkerMessage | TriggererMessage):
            raise UnreadableMessage("a message for another function is in the scheduler's queue")
        dispatch.handle(engine, message)

    return _handle_each(event, handle, lambda record: _resend("scheduling", record))


@blueprint.on_sqs_message(
    queue=bootstrap.settings().resource("tasks"),
    batch_size=1,
    maximum_concurrency=bootstrap.settings().parallelism,
)
def worker(event: SQSEvent) -> BatchReply:
    """Runs the user's code: one try of a task, the callbacks after an end, or a timetable."""
    from chalicelib.engine.worker import call_back
    from chalicelib.engine.worker.execute import execute

    bootstrap.prepare_user_code()  # its processes start while the engine's clients are made
    engine = bootstrap.engine()

    def handle(record: SQSRecord) -> None:
        match _message(record):
            case RunTask() as message:
                execute(engine, message, _invocation(engine, record), bootstrap.run_try())
            case RunCallback() as message:
                call_back.call_back(engine, message, bootstrap.run_callbacks(), _remaining(record))
            case message if isinstance(message, TimetableMessage):
                from chalicelib.engine.worker.timetables import ask_timetable

                ask_timetable(engine, message, bootstrap.ask_timetable(), _remaining(record))
            case _:
                raise UnreadableMessage("a message for another function is in the worker's queue")

    return _handle_each(event, handle, lambda record: _resend("tasks", record))


@blueprint.on_sqs_message(
    queue=bootstrap.settings().resource("triggers"),
    batch_size=50,
    maximum_batching_window_in_seconds=1,
    maximum_concurrency=bootstrap.settings().scheduler_concurrency,
)
def triggerer(event: SQSEvent) -> BatchReply:
    """Runs the triggers of deferred tasks for a window, those of a batch side by side."""
    from chalicelib.engine.worker.windows import run_windows

    bootstrap.prepare_user_code()
    engine = bootstrap.engine()
    due: list[tuple[SQSRecord, TriggererMessage]] = []

    def take(record: SQSRecord) -> None:
        message = _message(record)
        if not isinstance(message, TriggererMessage):
            raise UnreadableMessage("a message for another function is in the triggerer's queue")
        due.append((record, message))

    failed = [record for record in event if not _is_handled(record, take)]
    if due:
        first = due[0][0]
        with bound(request_id=request_id(first.context)):
            messages = [message for _, message in due]
            again = run_windows(engine, messages, lambda: _invocation(engine, first), bootstrap.run_window())
        failed += [record for record, message in due if message in again]
    return _come_again(failed)


@blueprint.on_sqs_message(
    queue=bootstrap.settings().resource("events"),
    batch_size=10,
    maximum_concurrency=bootstrap.settings().events_concurrency,
)
def events(event: SQSEvent) -> BatchReply:
    """Triggers the runs that events of other services ask for; what cannot be goes to the dead letters."""
    from chalicelib.events.delivery import Undeliverable, deliver
    from chalicelib.events.incoming import ORIGINAL_MESSAGE_ID
    from chalicelib.queues.dead_letters import DeadLetter

    engine, declarations, dead_letters = (
        bootstrap.engine(),
        bootstrap.declarations(),
        bootstrap.dead_letters(),
    )

    def handle(record: SQSRecord) -> None:
        try:
            deliver(engine, declarations, record.to_dict())
        except Undeliverable as error:
            logger.error("message %s goes to the dead letters: %s", _message_id(record), error)
            # At once and with the reason; five deliveries would end there, too, without it.
            letter = DeadLetter(
                record=record.to_dict(),
                code=error.cause_code,
                reason=str(error),
                original_id=ORIGINAL_MESSAGE_ID,
            )
            dead_letters.put(letter)
            queue = bootstrap.settings().resource("events")
            engine.observe(MessagePutAside(queue=queue, code=error.cause_code))

    # Sent again it gets another message id; it is known by the first one.
    return _handle_each(event, handle, lambda record: _resend("events", record, ORIGINAL_MESSAGE_ID))


@blueprint.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    """Starts what the clock starts, and looks after runs that were not heard of."""
    from chalicelib.engine.upkeep.tick import tick as upkeep_tick

    with bound(request_id=request_id(event.context)):
        try:
            upkeep_tick(bootstrap.engine())
        except StoreUnavailable as error:
            logger.warning("this minute's tick was cut short, the next one goes on: %s", error)


def _handle_each(
    event: SQSEvent, handle: Callable[[SQSRecord], None], resend: Callable[[SQSRecord], None]
) -> BatchReply:
    """Handle the messages one by one; those that fail come again, and at last to the dead letters.

    Only the first is begun with little time left: if the invocation is cut off, all of them come again.
    The others are sent again, so that this delivery does not count as a failed one.
    """
    failed = [
        record
        for number, record in enumerate(event)
        if not _is_handled(record, handle if number == 0 or _is_in_time(record) else resend)
    ]
    return _come_again(failed)


def _come_again(failed: Iterable[SQSRecord]) -> BatchReply:
    return {"batchItemFailures": [{"itemIdentifier": _message_id(record)} for record in failed]}


def _is_in_time(record: SQSRecord) -> bool:
    return _remaining(record) >= TIME_OF_A_MESSAGE


def _resend(queue: str, record: SQSRecord, original_id: str | None = None) -> None:
    """Send a message again that is not begun; raises ``StoreUnavailable`` if it has to stay as it is."""
    bootstrap.resend()(bootstrap.settings().resource(queue), record.to_dict(), original_id)
    logger.warning("message %s was sent again: this invocation has no time left", _message_id(record))


def _is_handled(record: SQSRecord, handle: Callable[[SQSRecord], None]) -> bool:
    with bound(request_id=request_id(record.context), message_id=_message_id(record)):
        return _is_tried(record, handle)


def _is_tried(record: SQSRecord, handle: Callable[[SQSRecord], None]) -> bool:
    try:
        handle(record)
    except UnreadableMessage as error:
        if _is_first_delivery(record):
            logger.error("message %s goes to the dead letters: %s", _message_id(record), error)
    except StoreUnavailable as error:
        logger.warning("message %s will come again: %s", _message_id(record), error)
    except Exception:
        logger.exception("message %s failed and will come again", _message_id(record))
    else:
        return True
    return False


def _message(record: SQSRecord) -> Message:
    """The message of a record, whose ids all that follows is logged with; raises ``UnreadableMessage``."""
    message = decode(record.body)
    bind(**ids_of(message))
    return message


def _message_id(record: SQSRecord) -> str:
    message_id: str = record.to_dict()["messageId"]
    return message_id


def _is_first_delivery(record: SQSRecord) -> bool:
    count: str = record.to_dict()["attributes"]["ApproximateReceiveCount"]
    return count == "1"


def _invocation(engine: "Engine", record: SQSRecord) -> "Invocation":
    from chalicelib.engine.ports.worker import Invocation

    context: Any = record.context  # Lambda's context object; Chalice takes it for a dict
    return Invocation(
        # Begins with the request id (a lost worker is named by it); a retry of Lambda's has the same id,
        # and a lease must never have two holders.
        token=f"{context.aws_request_id}-{uuid.uuid4().hex[:8]}",
        ends_at=engine.now() + _remaining(record),
        hostname=socket.gethostname(),
        unixname=_unixname(),
        pid=os.getpid(),
    )


def _remaining(record: SQSRecord) -> timedelta:
    context: Any = record.context
    return timedelta(milliseconds=context.get_remaining_time_in_millis())


def _unixname() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user that Lambda runs us as need not have a name
        return str(os.getuid())
