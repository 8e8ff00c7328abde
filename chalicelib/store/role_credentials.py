"""Credentials of a role that tasks act in, from AWS STS; kept until they would not last a try any more."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.domain.errors import UpdraftError

DURATION = timedelta(hours=1)
"""Of credentials: the most that AWS gives a role that another role assumes."""

LASTS_AT_LEAST = timedelta(minutes=30)
"""What is left of them at least when they are given to a try: Lambda's longest invocation."""


class CredentialsRefused(UpdraftError):
    """The role cannot be assumed; the text says why, by AWS's code."""

    code = "credentials_refused"


class RoleCredentials:
    """The credentials of a role, renewed when need be; ``session_name`` is what CloudTrail shows."""

    def __init__(self, role: str, *, session_name: str, now: Callable[[], datetime]) -> None:
        self._role = role
        self._session_name = session_name[:64]
        self._now = now
        self._lock = threading.Lock()
        self._environ: dict[str, str] = {}
        self._end = datetime.min.replace(tzinfo=UTC)

    def environ(self) -> dict[str, str]:
        """The credentials as environment variables; raises ``CredentialsRefused``. 1 request, or none."""
        with self._lock:
            if self._end - self._now() < LASTS_AT_LEAST:
                self._renew()
            return dict(self._environ)

    def _renew(self) -> None:
        try:
            answer: dict[str, Any] = aws.client("sts").assume_role(
                RoleArn=self._role,
                RoleSessionName=self._session_name,
                DurationSeconds=int(DURATION.total_seconds()),
            )
        except ClientError as error:
            raise self._refused(error.response["Error"]["Code"]) from None
        except BotoCoreError as error:
            raise self._refused(type(error).__name__) from None
        credentials = answer["Credentials"]
        self._environ = {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }
        self._end = credentials["Expiration"]

    def _refused(self, why: str) -> CredentialsRefused:
        return CredentialsRefused(f"UPDRAFT__WORKER__TASK_ROLE, {self._role}, cannot be assumed: {why}")
