"""One connection for all tables; the one place where DynamoDB is retried and its errors translated."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from pynamodb.connection import Connection

from chalicelib import aws
from chalicelib.domain.errors import StorageFull, StoreUnavailable
from chalicelib.store.errors import code, is_passing

ATTEMPTS = 5
FIRST_PAUSE_S = 0.05
"""The longest pause before the second attempt, in seconds; it doubles with each attempt."""

Request = dict[str, Any]
RawItem = dict[str, dict[str, Any]]


class ConditionFailed(Exception):
    """The condition of a single write did not hold; ``item`` is what is there, None if nothing is."""

    def __init__(self, item: RawItem | None) -> None:
        super().__init__()
        self.item = item


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What became of one write of a refused transaction.

    ``failed``: its condition did not hold, and ``item`` is what is there, None if nothing is.
    """

    failed: bool
    item: RawItem | None = None


class TransactionRefused(Exception):
    """Conditions of a transaction did not hold; nothing was written."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__()
        self.refusals = refusals


_making_client = Lock()


class _Connection(Connection):
    """PynamoDB's connection over the process's session, so that its clients share data and hooks."""

    @property
    def session(self) -> Session:
        return aws.session()

    @property
    def client(self) -> Any:
        with _making_client:  # a session makes its clients one at a time
            return super().client


class DynamoDB:
    """Sends requests, each again after failures that pass by themselves.

    A request that was sent again may have taken effect the first time: callers recognise that by the
    item. ``sleep`` takes seconds, ``clock`` gives some that only go on; ``patience`` is the process's unless
    it is given.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: aws.Patience | None = None,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._patience = patience or aws.patience()
        self._entropy = SystemRandom()
        # All retries are made here: botocore's own would multiply them.
        self._connection = _Connection(
            connect_timeout_seconds=self._patience.connect_s,
            read_timeout_seconds=self._patience.read_s,
            retry_configuration={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=32,
        )

    def send(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises ``ConditionFailed``, ``TransactionRefused``, ``StoreUnavailable``; any other error is a
        bug and passes as it is.
        """
        purpose = f"{operation} on {', '.join(_tables(request))}"
        return self.until_done(purpose, lambda: self.send_once(operation, request))

    def until_done(self, purpose: str, attempt: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """What an attempt answers, tried some times while it fails for now or answers None.

        Raises ``StoreUnavailable`` after the last, which is not begun when too much time has passed.
        """
        error: Exception | None = None
        last_at = self._clock() + self._patience.last_attempt_s
        for number in range(ATTEMPTS):
            if number:
                self._sleep(self._entropy.uniform(0, FIRST_PAUSE_S * 2**number))
            if number and self._clock() > last_at:
                break
            try:
                answer = attempt()
            except (BotoCoreError, ClientError) as failure:
                if not is_passing(failure):
                    raise
                if aws.is_storage_full(failure):
                    raise StorageFull(f"the store could not do {purpose}: the disk is full") from failure
                error = failure
                continue
            if answer is not None:
                return answer
        reason = code(error) if error else "left undone"
        raise StoreUnavailable(f"the store could not do {purpose}: {reason}") from error

    def send_once(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request that is sent once, for ``until_done``."""
        try:
            # dispatch() adds to its argument; without this key it would ask what each call costs.
            answer: dict[str, Any] = self._connection.dispatch(
                operation, {"ReturnConsumedCapacity": "NONE", **request}
            )
        except ClientError as error:
            # PynamoDB's error leaves out the item and the status; botocore's is its cause.
            failure = error.__cause__ if isinstance(error.__cause__, ClientError) else error
        else:
            return answer
        raise _refused(failure) or failure


def _refused(error: ClientError) -> ConditionFailed | TransactionRefused | None:
    answer: Mapping[str, Any] = error.response
    if code(error) == "ConditionalCheckFailedException":
        return ConditionFailed(answer.get("Item"))
    reasons = answer.get("CancellationReasons", ())
    if not any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
        return None
    refusals = [
        Refusal(failed=reason.get("Code") == "ConditionalCheckFailed", item=reason.get("Item"))
        for reason in reasons
    ]
    return TransactionRefused(refusals)


def _tables(request: Mapping[str, Any]) -> list[str]:
    if "TableName" in request:
        return [request["TableName"]]
    writes = (write for item in request["TransactItems"] for write in item.values())
    return sorted({write["TableName"] for write in writes})
