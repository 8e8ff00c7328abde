"""The one place where AWS clients are made.

botocore alone is enough (PynamoDB ships with it), so boto3 need not be in the package. Region,
credentials and ``AWS_ENDPOINT_URL`` come from the environment, as everywhere on AWS.
"""

from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session

STORAGE_FULL = "StorageFull"
"""The error by which the embedded AWS refuses changes while the disk is full; AWS itself has none such."""

ClientFactory = Callable[[str], Any]
"""Gives the client of an AWS service by its name, as ``client`` does."""


def is_storage_full(error: Exception) -> bool:
    """Whether a call was refused for want of room, as only the embedded AWS does."""
    answer = getattr(error, "response", None) or {}
    return bool(answer.get("Error", {}).get("Code") == STORAGE_FULL)


@cache
def session() -> "Session":
    """The process's botocore session; made on first use, since importing botocore takes a while."""
    from botocore.session import get_session

    return get_session()


_making = RLock()  # botocore's session must not make two clients at once


@cache
def client(service: str) -> Any:
    """The process's client of an AWS service (``"sqs"``, ``"s3"``...), safe to share among threads.

    Timeouts are short, for a Lambda pays while it waits; the retries are botocore's ``standard``
    mode, which covers throttling and lost connections. Callers must therefore expect that a call
    took effect although an earlier reply of it was lost.
    """
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 4})
    with _making:
        return session().create_client(service, config=config)
