"""The one place where AWS clients are made.

botocore alone is enough (PynamoDB ships with it), so boto3 need not be in the package. Region,
credentials and ``AWS_ENDPOINT_URL`` come from the environment, as everywhere on AWS.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

STORAGE_FULL = "StorageFull"
"""The error by which the embedded AWS refuses changes while the disk is full; AWS itself has none such."""

ClientFactory = Callable[[str], Any]
"""Gives the client of an AWS service by its name, as ``client`` does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a request to AWS is waited for, in seconds, before it is sent again or given up.

    ``connect_s`` is for a connection, ``read_s`` for each part of an answer. ``attempts`` is how often a
    request is sent at most, the first time included. ``last_attempt_s`` bounds DynamoDB's attempts, which
    are the store's own: none begins so long after the first.
    """

    connect_s: float
    read_s: float
    attempts: int
    last_attempt_s: float

    @property
    def longest_s(self) -> float:
        """When a request to DynamoDB that nobody answers is given up at the latest."""
        return self.last_attempt_s + self.connect_s + self.read_s


IN_A_FUNCTION = Patience(connect_s=2, read_s=3, attempts=4, last_attempt_s=4.5)
"""One connection that hangs must not take a function's whole time: the authorizer has 10 s, a request to the
API 29 s. DynamoDB, SQS and S3 answer in some milliseconds, once in a while in some hundred.
"""

ELSEWHERE = Patience(connect_s=3, read_s=10, attempts=5, last_attempt_s=60)
"""What deploys waits for calls that take seconds; the emulator of a busy machine takes them, too."""


OF_LAMBDAS_API = Patience(connect_s=3, read_s=120, attempts=5, last_attempt_s=60)
"""What deploys waits for Lambda, which unpacks a layer of up to 250 MB before it answers."""


def patience(environ: Mapping[str, str] = os.environ) -> Patience:
    """What this process may wait. Lambda names its functions (AWS); so does an emulator, often a slow one."""
    on_lambda = environ.get("AWS_LAMBDA_FUNCTION_NAME") and not environ.get("AWS_ENDPOINT_URL")
    return IN_A_FUNCTION if on_lambda else ELSEWHERE


def is_storage_full(error: Exception) -> bool:
    """Whether a call was refused for want of room, as only the embedded AWS does."""
    answer = getattr(error, "response", None) or {}
    return bool(answer.get("Error", {}).get("Code") == STORAGE_FULL)


@cache
def session() -> "Session":
    """The process's botocore session; made on first use, since importing botocore takes a while.

    Its clients keep TCP connections alive, so that one that is gone is noticed while nobody uses it.
    """
    from botocore.config import Config
    from botocore.session import get_session

    made = get_session()
    made.set_default_client_config(Config(tcp_keepalive=True))
    return made


def region() -> str | None:
    """The region of the clients; None where none is set."""
    found: str | None = session().get_config_variable("region")
    return found


@cache
def account() -> str:
    """The account of this process's credentials; one request, when it is first asked for."""
    return str(client("sts").get_caller_identity()["Account"])


_making = RLock()  # botocore's session must not make two clients at once


@cache
def client(service: str) -> Any:
    """The process's client of an AWS service (``"sqs"``, ``"s3"``...), safe to share among threads.

    It waits as ``patience`` says; the retries are botocore's ``standard`` mode, which covers throttling and
    lost connections. Callers must therefore expect that a call took effect although an earlier reply of
    it was lost.
    """
    waits = OF_LAMBDAS_API if service == "lambda" else patience()
    with _making:
        return session().create_client(service, config=client_config(waits))


def client_config(waits: Patience) -> "Config":
    """How a client waits and asks again."""
    from botocore.config import Config

    return Config(
        connect_timeout=waits.connect_s,
        read_timeout=waits.read_s,
        retries={"mode": "standard", "total_max_attempts": waits.attempts},
    )
