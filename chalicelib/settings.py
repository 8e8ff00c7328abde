"""Settings, under Airflow's own names where it has one, read once and passed down."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP_NAME = "updraft"

AIRFLOW_VERSION = "2.10.5"
"""The Airflow whose experimental API is served; what ``GET /info`` tells."""

LEAST_CONCURRENCY, MOST_CONCURRENCY = 2, 1000
"""What the maximum concurrency of an SQS event source can be (AWS Lambda, ``ScalingConfig``)."""

_TRUE = frozenset({"t", "true", "1", "yes", "on"})
_FALSE = frozenset({"f", "false", "0", "no", "off"})

WORKERS_ROLE = "worker"
"""The value of ``UPDRAFT__WORKER__TASK_ROLE`` that gives tasks the worker's own credentials."""

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}")

_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


class SettingError(ValueError):
    """A setting has a value that cannot be used; the text names it and says what it takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What can be set from outside.

    Each field names its variable: ``dags_folder`` is ``AIRFLOW__CORE__DAGS_FOLDER`` and so on; the
    names are listed in ``from_environ``.
    """

    stage: str
    bucket: str
    dags_folder: Path
    dags_are_paused_at_creation: bool
    auth_backend: str
    bcrypt_cost: int
    auth_cache_seconds: int
    keytab: str
    enable_experimental_api: bool
    base_url: str
    allowed_run_id_pattern: str
    parallelism: int
    """How many workers Lambda runs at a time, each with one try of a task."""
    scheduler_concurrency: int
    """How many schedulers Lambda runs at a time, each with up to ten messages."""
    events_concurrency: int
    """Likewise, for events of other services."""
    task_role: str = ""
    """Whose rights tasks have on AWS: nobody's if empty, the worker's (``worker``), or a role's (its ARN)."""
    alarm_topic: str = ""
    """The SNS topic, as an ARN, that CloudWatch's alarms tell; none if empty."""
    events_file: Path | None = None
    """Which event triggers which DAG; None: ``events.toml`` in the DAGs folder, if there is one."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; raises ``SettingError`` that names the variable."""
        stage = environ.get("UPDRAFT__AWS__STAGE", "local")
        return cls(
            stage=stage,
            bucket=environ.get("UPDRAFT__AWS__BUCKET", f"{APP_NAME}-{stage}-bucket"),
            dags_folder=Path(environ.get("AIRFLOW__CORE__DAGS_FOLDER") or shipped_dags_folder()),
            dags_are_paused_at_creation=_flag(environ, "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", True),
            auth_backend=_auth_backend(environ),
            # 12 is bcrypt's default and Airflow 1.10's; at 15 a check takes the authorizer 2 s.
            bcrypt_cost=_whole_number(environ, "UPDRAFT__API__BCRYPT_COST", 12, least=4, most=15),
            auth_cache_seconds=_whole_number(
                environ, "UPDRAFT__API__AUTH_CACHE_SECONDS", 60, least=0, most=3600
            ),
            keytab=environ.get("KRB5_KTNAME") or environ.get("AIRFLOW__KERBEROS__KEYTAB", ""),
            enable_experimental_api=_flag(environ, "AIRFLOW__API__ENABLE_EXPERIMENTAL_API", True),
            base_url=environ.get("AIRFLOW__WEBSERVER__BASE_URL", ""),
            allowed_run_id_pattern=_pattern(
                environ, "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", r"^[A-Za-z0-9_.~:+-]+$"
            ),
            parallelism=_parallelism(environ),
            scheduler_concurrency=_concurrency(environ, "UPDRAFT__SCHEDULER__MAXIMUM_CONCURRENCY"),
            events_concurrency=_concurrency(environ, "UPDRAFT__EVENTS__MAXIMUM_CONCURRENCY"),
            task_role=_role(environ, "UPDRAFT__WORKER__TASK_ROLE"),
            alarm_topic=_topic(environ, "UPDRAFT__AWS__ALARM_TOPIC"),
            events_file=_optional_path(environ, "UPDRAFT__EVENTS__FILE"),
        )

    def resource(self, name: str) -> str:
        """The full name of a table or queue: ``updraft-<stage>-<name>``."""
        return f"{APP_NAME}-{self.stage}-{name}"


def shipped_dags_folder() -> Path:
    """``chalicelib/dags``: where a deployed app finds its DAG files."""
    return Path(__file__).parent / "dags"


def _auth_backend(environ: Mapping[str, str]) -> str:
    """The backend's dotted name: 1.10's setting, else the first of 2.x's list, else deny_all."""
    single = environ.get("AIRFLOW__API__AUTH_BACKEND", "").strip()
    first_of_list = environ.get("AIRFLOW__API__AUTH_BACKENDS", "").split(",")[0].strip()
    return single or first_of_list or "airflow.api.auth.backend.deny_all"


def _pattern(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name) or default
    try:
        re.compile(text)
    except re.error as error:
        raise SettingError(f"{name} is {text!r}, which is no regular expression: {error}") from error
    return text


def _topic(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name, "").strip()
    if text and not _TOPIC_ARN.fullmatch(text):
        raise SettingError(
            f"{name} is {text!r}; it takes the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME"
        )
    return text


def _role(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name, "").strip()
    if text not in ("", WORKERS_ROLE) and not _ROLE_ARN.fullmatch(text):
        raise SettingError(
            f"{name} is {text!r}; it takes {WORKERS_ROLE} or a role's ARN, arn:aws:iam::ACCOUNT:role/NAME"
        )
    return text


def _whole_number(environ: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SettingError(f"{name} is {text!r}; it takes a whole number from {least} to {most}")
    return int(text)


def _parallelism(environ: Mapping[str, str]) -> int:
    """Airflow's setting with Airflow's default; 0, no limit, is AWS's own here, and 1 the least it takes."""
    number = _whole_number(environ, "AIRFLOW__CORE__PARALLELISM", 32, least=0, most=MOST_CONCURRENCY)
    return max(number, LEAST_CONCURRENCY) if number else MOST_CONCURRENCY


def _concurrency(environ: Mapping[str, str], name: str) -> int:
    return _whole_number(environ, name, 10, least=LEAST_CONCURRENCY, most=MOST_CONCURRENCY)


def _optional_path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    return Path(text) if text else None


def _flag(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise SettingError(f"{name} is {text!r}; it takes True or False")
