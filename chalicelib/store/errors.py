"""The failures of DynamoDB and S3 that pass by themselves. Judged by codes, never by texts."""

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name
    HTTPClientError,
    IncompleteReadError,
)

PASSING_CODES = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        # A transaction holds the item; single writes can meet it too.
        "TransactionConflictException",
        # The same transaction, sent before, is still at work.
        "TransactionInProgressException",
    }
)

PASSING_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""Codes for which one item of a transaction had it cancelled, and a moment later may not."""


def code(error: Exception) -> str:
    """AWS's code of an error, or the name of its class when there was no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed a moment later.

    No answer at all counts as passing: the request may have taken effect.
    """
    if not isinstance(error, ClientError):
        return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code(error) in PASSING_CODES or status >= 500 or _is_contended(error)


def _is_contended(error: ClientError) -> bool:
    """Whether a transaction was cancelled for contention only."""
    reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
    blamed = reasons - {"None"}
    return bool(blamed) and blamed <= PASSING_REASONS
