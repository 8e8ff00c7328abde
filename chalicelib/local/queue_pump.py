"""Lambda's event source mapping for SQS on one machine: it takes messages from a queue to a function.

One thread receives, never more than there are free places; as many threads as the function may have
children invoke it; one thread deletes, in batches. What the function reports as failed becomes visible
again after a short pause, and the queue's own redrive policy sends it to the dead-letter queue.
"""

import base64
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from chalicelib.local.function_pool import (
    Function,
    FunctionCrashed,
    FunctionFailed,
    FunctionNotStarted,
    FunctionPool,
    PoolClosed,
)

Record = dict[str, Any]
OnCrash = Callable[[Record, str], None]

LARGEST_BATCH = 10
"""Messages that one request receives or deletes (AWS); Lambda makes larger batches of several."""

_WAIT_SECONDS = 1
_LONGEST_BACKOFF_SECONDS = 30
_TROUBLE_PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """The queue that messages come from."""

    url: str
    arn: str
    batch_size: int = 1
    """The most messages in one invocation, 1 to 10."""

    @property
    def region(self) -> str:
        """The region that the ARN names."""
        return self.arn.split(":")[3]


class QueuePump:
    """Feeds a queue to a function until it is stopped.

    ``on_crash(record, request_id)`` is called for each message whose invocation took its process down
    or ran into the timeout; the message is then deleted. Without it, or when it raises, the message
    comes again like one that failed.
    """

    def __init__(
        self,
        *,
        sqs: Any,
        source: Queue,
        pool: FunctionPool,
        function: Function,
        on_crash: OnCrash | None = None,
    ) -> None:
        self._sqs = sqs
        self._queue = source
        self._pool = pool
        self._function = function
        self._on_crash = on_crash
        self._stopping = threading.Event()
        self._places = threading.Semaphore(function.concurrency)
        self._invokers = ThreadPoolExecutor(
            function.concurrency, thread_name_prefix=f"invoke-{function.name}"
        )
        self._done: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._receiver = threading.Thread(target=self._receive, name=f"receive-{function.name}", daemon=True)
        self._deleter = threading.Thread(target=self._delete, name=f"delete-{function.name}", daemon=True)

    def start(self) -> None:
        """Start to take messages."""
        self._deleter.start()
        self._receiver.start()

    def stop(self) -> None:
        """Take no more messages; invocations that run go on. See ``finish``."""
        self._stopping.set()

    def finish(self, deadline: float) -> None:
        """After ``stop`` and the pool's end: return when what succeeded is deleted.

        When the queue does not answer any more that is given up at ``deadline`` (``time.monotonic``).
        """
        # The receiver may sit in a long poll. What it still gets stays in flight, and the embedded AWS
        # delivers that again at its next start.
        self._invokers.shutdown(wait=True)
        self._done.put(None)
        self._deleter.join(max(0.0, deadline - time.monotonic()))

    def _receive(self) -> None:
        while not self._stopping.is_set():
            places = self._take_places()
            batches: list[list[Record]] = []
            try:
                batches = self._receive_batches(places)
            except Exception:
                if self._stopping.is_set():
                    return
                logger.exception("could not receive from %s", self._queue.url)
                self._stopping.wait(_TROUBLE_PAUSE_SECONDS)
            for _ in range(places - len(batches)):
                self._places.release()
            self._start(batches)

    def _start(self, batches: list[list[Record]]) -> None:
        try:
            for batch in batches:
                self._invokers.submit(self._work, batch)
        except RuntimeError:  # of an executor that was shut down
            if not self._stopping.is_set():
                raise

    def _take_places(self) -> int:
        """Wait for one free place and take those of the others that one receive can fill."""
        while not self._places.acquire(timeout=_WAIT_SECONDS):
            if self._stopping.is_set():
                return 0
        taken = 1
        while taken * self._queue.batch_size < LARGEST_BATCH and self._places.acquire(blocking=False):
            taken += 1
        return taken

    def _receive_batches(self, places: int) -> list[list[Record]]:
        if not places:
            return []
        size = self._queue.batch_size
        answer = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=min(LARGEST_BATCH, places * size),
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        records = [event_record(message, self._queue) for message in answer.get("Messages", ())]
        if self._stopping.is_set():
            return []
        return [records[start : start + size] for start in range(0, len(records), size)]

    def _work(self, batch: list[Record]) -> None:
        try:
            returned = self._invoke(batch)
        except Exception:
            logger.exception("%s could not be fed", self._function.name)
            returned = batch
        finally:
            self._places.release()
        kept = {record["messageId"] for record in returned}
        for record in batch:
            if record["messageId"] not in kept:
                self._done.put(record)
        if returned and not self._stopping.is_set():
            self._return(returned)

    def _invoke(self, batch: list[Record]) -> list[Record]:
        """Run the function on the batch; gives the records that have to come again."""
        try:
            result = self._pool.invoke(self._function, {"Records": batch})
        except PoolClosed:
            return batch
        except FunctionCrashed as crash:
            return self._after_crash(batch, crash)
        except FunctionNotStarted as trouble:
            logger.warning("%s: %s", self._function.name, trouble)
            return batch
        except FunctionFailed as failure:
            logger.error("%s raised %s\n%s", self._function.name, failure, failure.stack)
            return batch
        return failed_records(batch, result)

    def _after_crash(self, batch: list[Record], crash: FunctionCrashed) -> list[Record]:
        if self._stopping.is_set():
            return batch  # the server ended it, not the task: it goes on after the next start
        logger.warning("%s: %s (request %s)", self._function.name, crash, crash.request_id)
        if self._on_crash is None:
            return batch
        try:
            for record in batch:
                self._on_crash(record, crash.request_id)
        except Exception:
            logger.exception("the crash of %s could not be reported", self._function.name)
            return batch
        return []

    def _return(self, records: Sequence[Record]) -> None:
        """Make messages visible again after a pause that is longer with each receive."""
        for record in records:
            try:
                self._sqs.change_message_visibility(
                    QueueUrl=self._queue.url,
                    ReceiptHandle=record["receiptHandle"],
                    VisibilityTimeout=backoff_seconds(record),
                )
            except Exception:
                # it comes again all the same, when the queue's visibility timeout is over
                logger.exception("could not return a message to %s", self._queue.url)

    def _delete(self) -> None:
        while (record := self._done.get()) is not None:
            batch = [record]
            while len(batch) < LARGEST_BATCH and not self._done.empty():
                following = self._done.get()
                if following is None:
                    self._done.put(None)
                    break
                batch.append(following)
            self._delete_batch(batch)

    def _delete_batch(self, batch: list[Record]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": record["receiptHandle"]}
            for number, record in enumerate(batch)
        ]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self._queue.url, Entries=entries)
        except Exception:
            # handlers are idempotent: the messages come again and do nothing
            logger.exception("could not delete from %s", self._queue.url)
            return
        for failure in answer.get("Failed", ()):
            logger.warning("could not delete a message from %s: %s", self._queue.url, failure["Code"])


def event_record(message: Mapping[str, Any], source: Queue) -> Record:
    """A received message in the shape of the records that Lambda's SQS event source sends."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(attribute) for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.arn,
        "awsRegion": source.region,
    }


def _attribute(attribute: Mapping[str, Any]) -> Record:
    lists: Record = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    if "BinaryValue" in attribute:
        return {"binaryValue": base64.b64encode(attribute["BinaryValue"]).decode(), **lists}
    return {"stringValue": attribute["StringValue"], **lists}


def failed_records(batch: list[Record], result: Any) -> list[Record]:
    """The records that a partial batch response names.

    As Lambda reads it: nothing or an empty list is success; a response that it cannot understand, or that
    names a message which is not in the batch, fails the whole batch.
    """
    if not result:
        return []
    if not isinstance(result, dict):
        return []
    failures = result.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return batch
    named = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    if not named <= {record["messageId"] for record in batch}:
        return batch
    return [record for record in batch if record["messageId"] in named]


def backoff_seconds(record: Record) -> int:
    """1 second after the first receive, then 2, 4 and so on, up to 30."""
    received = int(record["attributes"].get("ApproximateReceiveCount", 1))
    return int(min(_LONGEST_BACKOFF_SECONDS, 2 ** min(received - 1, 10)))
