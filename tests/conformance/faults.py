"""Faults that DynamoDB has and emulators do not: they are put between the client and the emulator.

    with faults(THROTTLED, LOST): ...

The first DynamoDB request in the block meets the first fault, the next one the second, and so on;
those after the last meet none. Import this before the clients are made.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore import handlers
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.core.models import botocore_stubber


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """The request is not carried out; this is the answer. ``reasons`` are those of a transaction."""

    code: str | None = None
    status: int = 400
    reasons: tuple[dict[str, Any], ...] = ()
    body: str = ""


class Unreached:
    """The request is not carried out; there is no answer."""


class Lost:
    """The request is carried out; its answer gets lost."""


class NoFault:
    """The request is left alone."""


Fault = Answered | Unreached | Lost | NoFault

THROTTLED = Answered(code="ThrottlingException")
OVERLOADED = Answered(code="ProvisionedThroughputExceededException")
LIMITED = Answered(code="RequestLimitExceeded")
CONFLICT = Answered(code="TransactionConflictException")
IN_PROGRESS = Answered(code="TransactionInProgressException")
BROKEN = Answered(code="InternalServerError", status=500)
UNKNOWN_5XX = Answered(code="NobodyKnows", status=503)
CANCELLED = Answered(
    code="TransactionCanceledException",
    reasons=({"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "ThrottlingError"}),
)
UNREACHED = Unreached()
LOST = Lost()
NONE = NoFault()

PASSING: dict[str, Fault] = {
    "throttled": THROTTLED,
    "overloaded": OVERLOADED,
    "limited": LIMITED,
    "conflict": CONFLICT,
    "in progress": IN_PROGRESS,
    "broken": BROKEN,
    "unknown 5xx": UNKNOWN_5XX,
    "cancelled": CANCELLED,
    "unreached": UNREACHED,
    "lost": LOST,
}


class Plan:
    """The faults to come, and the one that the request under way meets."""

    def __init__(self) -> None:
        self.coming: list[Fault] = []
        self.present: Fault = NONE
        self.seen: Counter[str] = Counter()

    def next(self) -> Fault:
        """The fault that the next request meets."""
        self.present = self.coming.pop(0) if self.coming else NONE
        return self.present


_plan = Plan()


@contextmanager
def faults(*planned: Fault) -> Iterator[Counter[str]]:
    """Let the coming requests meet these faults; counts the requests by operation."""
    _plan.coming = [*planned]
    _plan.seen = Counter()
    try:
        yield _plan.seen
    finally:
        _plan.coming = []
        _plan.seen = Counter()


def _before_send(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
    _plan.seen[event_name.split(".")[2]] += 1
    fault = _plan.next()
    if isinstance(fault, Answered):
        # All handlers of this event are called, moto's too, and it would carry the request out.
        botocore_stubber.enabled = False
        return _response(request, fault)
    if isinstance(fault, Unreached):
        raise ConnectTimeoutError(endpoint_url="https://secret.example")
    return None


def _response_received(**_: Any) -> None:
    if isinstance(_plan.present, Answered):
        botocore_stubber.enabled = True
    if isinstance(_plan.present, Lost):
        raise ReadTimeoutError(endpoint_url="https://secret.example")


# First: before moto, which listens to the same event.
handlers.BUILTIN_HANDLERS += [
    ("before-send.dynamodb", _before_send, handlers.REGISTER_FIRST),
    ("response-received.dynamodb", _response_received),
]


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _response(request: Any, fault: Answered) -> AWSResponse:
    document: dict[str, Any] = {"message": "any text"}
    if fault.code:
        document["__type"] = f"com.amazonaws.dynamodb.v20120810#{fault.code}"
    if fault.reasons:
        document["CancellationReasons"] = list(fault.reasons)
    body = fault.body or json.dumps(document)
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, fault.status, headers, _Raw(body.encode()))
