"""Waiting for AWS: some calls are refused while an earlier change is still being carried out."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

ATTEMPTS = 30
PAUSE_S = 2.0


def error_code(error: Exception) -> str:
    """The AWS error code of a botocore ``ClientError``; empty for any other exception.

    SQS writes a namespace before some of its own (``AWS.SimpleQueueService.QueueDeletedRecently``).
    """
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")).rpartition(".")[2]


def when_not_busy(
    call: Callable[[], Result],
    *,
    busy: str,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Call, and again every ``PAUSE_S`` seconds as long as AWS answers with the error code ``busy``.

    Raises what the call raises: any other error at once, ``busy`` itself after the last attempt.
    """
    from botocore.exceptions import ClientError

    for _ in range(attempts - 1):
        try:
            return call()
        except ClientError as error:
            if error_code(error) != busy:
                raise
        sleep(PAUSE_S)
    return call()
