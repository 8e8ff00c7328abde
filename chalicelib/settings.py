"""Settings, under Airflow's own names where it has one, read once and passed down."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

APP_NAME = "updraft"

AIRFLOW_VERSION = "2.10.5"
"""The Airflow whose experimental API is served; what ``GET /info`` tells."""

LEAST_CONCURRENCY, MOST_CONCURRENCY = 2, 1000
"""What the maximum concurrency of an SQS event source can be (AWS Lambda, ``ScalingConfig``)."""

ALARMS = ("errors", "throttles", "5xx")
"""What a stage may have alarms on beside those that it always has."""

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288),
    3653,
)
"""For how long CloudWatch can keep a log (AWS, ``PutRetentionPolicy``), unless it keeps it for ever."""

KEEP_LOGS_FOR_EVER = 0
LEAST_WORKER_TIMEOUT, MOST_WORKER_TIMEOUT = 30, 1800
"""Seconds that an invocation of the worker can be given; the most is AWS Lambda's (``Timeout`` of a
function, 1,800 since November 2026).
"""

USER_PACKAGES = "UPDRAFT__CORE__USER_PACKAGES"
_USER_PACKAGES_ON_LAMBDA = Path("/opt/user-packages")
"""Where the layer of a deployed stage's user packages puts them."""

_TRUE = frozenset({"t", "true", "1", "yes", "on"})
_FALSE = frozenset({"f", "false", "0", "no", "off"})

WORKERS_ROLE = "worker"
"""The value of ``UPDRAFT__WORKER__TASK_ROLE`` that gives tasks the worker's own credentials."""

_LOOKUPS = tuple(
    f"{kind}_{what}"
    for kind in ("connections", "variables", "config")
    for what in ("prefix", "lookup_pattern")
)
_URL_MODES = ("full_url_mode", "are_secret_values_urlencoded")
"""Taken without effect, as by version 9 of Airflow's provider: a secret may be in either form."""

SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
PARAMETER_STORE = "airflow.providers.amazon.aws.secrets.systems_manager.SystemsManagerParameterStoreBackend"
LOCAL_FILES = "airflow.secrets.local_filesystem.LocalFilesystemBackend"

SECRETS_BACKENDS: Mapping[str, tuple[str, ...]] = {
    SECRETS_MANAGER: (*_LOOKUPS, "sep", "extra_conn_words", *_URL_MODES),
    PARAMETER_STORE: _LOOKUPS,
    LOCAL_FILES: ("variables_file_path", "connections_file_path"),
}
"""What ``[secrets] backend`` can be, by Airflow's names, and which ``backend_kwargs`` each takes."""

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}")

_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")

_RUNTIME = re.compile(r"python3\.\d{1,2}")


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
    throttling_rate_limit: int
    """How many requests a second API Gateway lets through to a method, on average."""
    throttling_burst_limit: int
    """How many requests it lets through at once after a while without any."""
    worker_timeout: int
    """Seconds that an invocation of the worker may take, and so a try of a task."""
    task_role: str = ""
    """Whose rights tasks have on AWS: nobody's if empty, the worker's (``worker``), or a role's (its ARN)."""
    runtime: str = ""
    """The runtime of a deployed stage's functions, such as ``python3.11``; empty: the one they have."""
    alarm_topic: str = ""
    """The SNS topic, as an ARN, that CloudWatch's alarms tell; none if empty."""
    more_alarms: frozenset[str] = frozenset()
    """Those of ``ALARMS`` that the stage has, too."""
    log_retention_days: int | None = None
    """One of ``LOG_RETENTION_DAYS``, or ``KEEP_LOGS_FOR_EVER``; None: nobody has decided."""
    events_file: Path | None = None
    """Which event triggers which DAG; None: ``events.toml`` in the DAGs folder, if there is one."""
    user_packages: Path | None = None
    """The folder of the user packages; None: there are none."""
    fernet_key: str = field(default="", repr=False)
    """``[core] fernet_key`` of the local stage; a deployed one keeps it in ``fernet_key_parameter``."""
    secrets_backend: str = ""
    """One of ``SECRETS_BACKENDS``; empty: none."""
    secrets_backend_kwargs: str = field(default="{}", repr=False)
    """JSON of an object that has names which the backend takes."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; raises ``SettingError`` that names the variable."""
        stage = environ.get("UPDRAFT__AWS__STAGE", "local")
        secrets_backend = _secrets_backend(environ, "AIRFLOW__SECRETS__BACKEND")
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
            throttling_rate_limit=_throttling(environ, "RATE", 50),
            throttling_burst_limit=_throttling(environ, "BURST", 100),
            worker_timeout=_whole_number(
                environ,
                "UPDRAFT__WORKER__TIMEOUT",
                MOST_WORKER_TIMEOUT,
                least=LEAST_WORKER_TIMEOUT,
                most=MOST_WORKER_TIMEOUT,
            ),
            runtime=_runtime(environ, "UPDRAFT__AWS__RUNTIME"),
            alarm_topic=_topic(environ, "UPDRAFT__AWS__ALARM_TOPIC"),
            more_alarms=_chosen(environ, "UPDRAFT__AWS__ALARMS", ALARMS),
            log_retention_days=_retention(environ, "UPDRAFT__AWS__LOG_RETENTION_DAYS"),
            events_file=_optional_path(environ, "UPDRAFT__EVENTS__FILE"),
            user_packages=user_packages_folder(environ),
            fernet_key=environ.get("AIRFLOW__CORE__FERNET_KEY", "").strip() if stage == "local" else "",
            secrets_backend=secrets_backend,
            secrets_backend_kwargs=_backend_kwargs(
                environ, "AIRFLOW__SECRETS__BACKEND_KWARGS", secrets_backend
            ),
        )

    @property
    def fernet_key_parameter(self) -> str:
        """The name of the parameter of Systems Manager that holds a deployed stage's Fernet key."""
        return self.resource("fernet_key")

    def resource(self, name: str) -> str:
        """The full name of a table or queue: ``updraft-<stage>-<name>``."""
        return f"{APP_NAME}-{self.stage}-{name}"


def shipped_dags_folder() -> Path:
    """``chalicelib/dags``: where a deployed app finds its DAG files."""
    return Path(__file__).parent / "dags"


def user_packages_folder(
    environ: Mapping[str, str], on_lambda: Path = _USER_PACKAGES_ON_LAMBDA
) -> Path | None:
    """Where the packages are that user code needs, if there are any: processes that load user code see them.

    ``on_lambda`` is where they are on AWS Lambda unless that is set. Raises ``SettingError``.
    """
    text = environ.get(USER_PACKAGES, "").strip()
    if not text:
        is_deployed = "AWS_LAMBDA_FUNCTION_NAME" in environ and on_lambda.is_dir()
        return on_lambda if is_deployed else None
    folder = Path(text).resolve()
    if not folder.is_dir():
        raise SettingError(f"{USER_PACKAGES} is {text!r}; there is no such folder")
    return folder


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


def _chosen(environ: Mapping[str, str], name: str, choice: tuple[str, ...]) -> frozenset[str]:
    chosen = frozenset(each.strip().lower() for each in environ.get(name, "").split(",") if each.strip())
    if chosen - set(choice):
        raise SettingError(f"{name} is {environ[name]!r}; it takes some of {','.join(choice)}, or nothing")
    return chosen


def _retention(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    known = {str(days): days for days in (KEEP_LOGS_FOR_EVER, *LOG_RETENTION_DAYS)}
    if text not in known:
        allowed = ", ".join(map(str, LOG_RETENTION_DAYS))
        raise SettingError(f"{name} is {text!r}; it takes 0 (for ever) or one of CloudWatch's: {allowed}")
    return known[text]


def _runtime(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name, "").strip()
    if text and not _RUNTIME.fullmatch(text):
        raise SettingError(f"{name} is {text!r}; it takes a Python of AWS Lambda, such as python3.11")
    return text


def _secrets_backend(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name, "").strip()
    if text and text not in SECRETS_BACKENDS:
        raise SettingError(f"{name} is {text!r}; it takes {', '.join(SECRETS_BACKENDS)}, or nothing")
    return text


def _backend_kwargs(environ: Mapping[str, str], name: str, backend: str) -> str:
    """Checked; the values may be secrets, so no text of an error shows them."""
    text = environ.get(name, "").strip()
    if not text or not backend:
        return "{}"
    try:
        kwargs = json.loads(text)
    except ValueError:
        kwargs = None
    if not isinstance(kwargs, dict):
        raise SettingError(f"{name} is no JSON of an object")
    taken = SECRETS_BACKENDS[backend]
    others = sorted(key for key, value in kwargs.items() if key not in taken and value is not None)
    if others:
        raise SettingError(
            f"{name} has {', '.join(others)}, which is not taken here: the worker reads by its own role, in "
            f"the stage's region. {backend} takes {', '.join(taken)}"
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


def _throttling(environ: Mapping[str, str], kind: str, default: int) -> int:
    most = {"RATE": 10_000, "BURST": 5_000}[kind]
    return _whole_number(environ, f"UPDRAFT__API__THROTTLING_{kind}_LIMIT", default, least=1, most=most)


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
