"""``airflow.settings``: values that DAG files read of it, and hooks that they may set."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from chalicelib.authoring.conveniences.moments import local_timezone, parse_timezone
from chalicelib.authoring.surroundings.configuration import AIRFLOW_HOME, conf
from chalicelib.authoring.surroundings.metadata_database import Engine, Session

__all__ = ["AIRFLOW_HOME", "Session", "conf", "engine", "json"]

engine = Engine()

LOGGING_LEVEL = logging.INFO
KILOBYTE = 1024
MEGABYTE = KILOBYTE * KILOBYTE
CAN_FORK = hasattr(os, "fork")
IS_K8S_OR_K8SCELERY_EXECUTOR = False
IS_K8S_EXECUTOR_POD = False
IS_EXECUTOR_CONTAINER = False

WEB_COLORS = {"LIGHTBLUE": "#4d9de0", "LIGHTORANGE": "#FF9933"}

STATE_COLORS = {
    "deferred": "mediumpurple",
    "failed": "red",
    "queued": "gray",
    "removed": "lightgrey",
    "restarting": "violet",
    "running": "lime",
    "scheduled": "tan",
    "skipped": "hotpink",
    "success": "green",
    "up_for_reschedule": "turquoise",
    "up_for_retry": "gold",
    "upstream_failed": "orange",
}

_OPTIONS = {
    "DAGS_FOLDER": ("core", "dags_folder"),
    "LOG_FORMAT": ("logging", "log_format"),
    "PLUGINS_FOLDER": ("core", "plugins_folder"),
    "SIMPLE_LOG_FORMAT": ("logging", "simple_log_format"),
    "SQL_ALCHEMY_CONN": ("database", "sql_alchemy_conn"),
}


def __getattr__(name: str) -> Any:
    """``TIMEZONE`` (pendulum's, of ``[core] default_timezone``) and what options say, when asked for."""
    if name == "TIMEZONE":
        return _default_timezone()
    if name in _OPTIONS:
        value = conf.get(*_OPTIONS[name])
        return str(Path(value).expanduser()) if name.endswith("_FOLDER") else value
    raise AttributeError(f"settings has no {name!r}")


def _default_timezone() -> Any:
    name = conf.get("core", "default_timezone")
    if name == "system":
        return local_timezone()
    return parse_timezone("UTC" if name == "utc" else name)


def pod_mutation_hook(pod: Any) -> None:
    """Change a pod before it is started; does nothing: no pod is started here."""


def task_policy(task: Any) -> None:
    """Airflow's hook of ``airflow_local_settings``, which is not loaded: it does nothing."""


def dag_policy(dag: Any) -> None:
    """As above."""


def task_instance_mutation_hook(task_instance: Any) -> None:
    """As above."""


def get_airflow_context_vars(context: Any) -> dict[str, str]:  # noqa: ARG001 - Airflow's signature
    """Further variables of a task's environment: none."""
    return {}


def initialize() -> None:
    """Airflow's set-up, of which nothing is left to do."""


def configure_orm(*_: Any, **__: Any) -> None:
    """As above; the refusal comes with the session's use."""


def configure_vars() -> None:
    """As above."""


def dispose_orm() -> None:
    """As above."""
