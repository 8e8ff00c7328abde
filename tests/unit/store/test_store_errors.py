"""Which failures pass by themselves, and what becomes of those of the bucket."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.store.errors import code, is_passing
from chalicelib.store.s3 import _translated, segment

WHERE = "http://10.0.0.1:4566"


def refusal(code_: str, status: int = 400, *reasons: str) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": code_, "Message": "any text"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("SlowDown", 503),
        refusal("NeverHeardOf", 500),
        refusal("TransactionCanceledException", 400, "None", "TransactionConflict"),
        refusal("TransactionCanceledException", 400, "ThrottlingError", "ProvisionedThroughputExceeded"),
        EndpointConnectionError(endpoint_url=WHERE),
        ConnectTimeoutError(endpoint_url=WHERE),
        ReadTimeoutError(endpoint_url=WHERE),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ],
)
def test_contention_and_lost_connections_pass(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        refusal("ValidationException"),
        refusal("ResourceNotFoundException"),
        refusal("AccessDeniedException", 403),
        refusal("TransactionCanceledException", 400, "TransactionConflict", "ConditionalCheckFailed"),
        refusal("TransactionCanceledException", 400, "TransactionConflict", "ValidationError"),
        refusal("TransactionCanceledException"),
        NoCredentialsError(),
        NoRegionError(),
        ValueError("a bug"),
    ],
)
def test_what_we_did_wrong_does_not_pass(error: Exception) -> None:
    assert not is_passing(error)


def test_an_error_without_an_answer_is_called_by_its_class() -> None:
    assert code(ReadTimeoutError(endpoint_url=WHERE)) == "ReadTimeoutError"
    assert code(refusal("SlowDown")) == "SlowDown"


@pytest.mark.parametrize("error", [refusal("SlowDown", 503), ReadTimeoutError(endpoint_url=WHERE)])
def test_a_bucket_out_of_reach_is_reported_without_telling_where(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match="GetObject") as raised, _translated("GetObject"):
        raise error
    assert raised.value.__cause__ is error
    assert "10.0.0.1" not in str(raised.value)


def test_a_bucket_that_is_not_ours_is_an_error_of_ours() -> None:
    with pytest.raises(ClientError, match="AccessDenied"), _translated("GetObject"):
        raise refusal("AccessDenied", 403)


def test_parts_of_keys_are_safe_short_and_told_apart() -> None:
    assert segment("manual__2024-05-06T07:08:09+00:00") == "manual__2024-05-06T07:08:09+00:00"
    assert segment("a/b ü") == "a%2Fb%20%C3%BC"
    long = [segment("€" * 250 + ending) for ending in ("a", "b")]
    assert long[0] != long[1]
    assert all(len(part) <= 160 for part in long)
