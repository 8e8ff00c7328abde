"""``AIRFLOW_CTX_*``: the variables by which code that a task calls can tell which run it belongs to."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

_SOURCES: tuple[tuple[str, str, str], ...] = (
    ("task", "email", "DAG_EMAIL"),
    ("task", "owner", "DAG_OWNER"),
    ("ti", "dag_id", "DAG_ID"),
    ("ti", "task_id", "TASK_ID"),
    ("ti", "execution_date", "EXECUTION_DATE"),
    ("ti", "try_number", "TRY_NUMBER"),
    ("dag_run", "run_id", "DAG_RUN_ID"),
)
"""A value of the context, the attribute of it, and the name that the variable ends in."""

DEFAULT_FORMAT_PREFIX = "airflow.ctx."

AIRFLOW_VAR_NAME_FORMAT_MAPPING: dict[str, dict[str, str]] = {
    f"AIRFLOW_CONTEXT_{name}": {
        "default": f"{DEFAULT_FORMAT_PREFIX}{name.lower()}",
        "env_var_format": f"AIRFLOW_CTX_{name}",
    }
    for _, _, name in _SOURCES
}
"""The names of the same values elsewhere, as hooks of Hive, Presto and Trino hand them on; Airflow's name."""


def run_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a task's try, in Airflow's order; there is none for what has no value."""
    found = ((name, getattr(context[key], attribute, None)) for key, attribute, name in _SOURCES)
    return {f"AIRFLOW_CTX_{name}": _text(value) for name, value in found if value}


@contextmanager
def exported(context: Mapping[str, Any]) -> Iterator[None]:
    """Let the process's environment have them meanwhile."""
    variables = run_variables(context)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return ",".join(value) if isinstance(value, list) else str(value)
