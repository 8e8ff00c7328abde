"""Errors of AWS that are no failures: a service that is still busy is asked again, a missing thing is None.

A call is refused while an earlier change is carried out, or as long as the change is known to some of AWS's
hosts only.
"""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

Result = TypeVar("Result")

Sleep = Callable[[float], None]
"""Waits for so many seconds."""

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
    busy: str | Collection[str],
    saying: str = "",
    attempts: int = ATTEMPTS,
    sleep: Sleep = time.sleep,
) -> Result:
    """Call, and again every ``PAUSE_S`` seconds as long as AWS answers with one of the error codes ``busy``.

    With ``saying``: only if the error's text has that in it, too, whatever the case of its letters.
    Raises what the call raises: any other error at once, such a one itself after the last attempt.
    """
    from botocore.exceptions import ClientError

    codes = (busy,) if isinstance(busy, str) else busy
    for _ in range(attempts - 1):
        try:
            return call()
        except ClientError as error:
            if error_code(error) not in codes or saying.lower() not in str(error).lower():
                raise
        sleep(PAUSE_S)
    return call()


def unless_missing(call: Callable[[], Result], *, missing: str) -> Result | None:
    """The answer; None where AWS says, by the error code ``missing``, that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if error_code(error) != missing:
            raise
        return None
