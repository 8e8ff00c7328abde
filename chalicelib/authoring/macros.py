"""``macros`` in templates, and ``airflow.macros`` in DAG files."""

import json
import random
import time
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Final

__all__ = ["datetime", "ds_add", "ds_format", "json", "random", "time", "timedelta", "uuid"]


of_plugins: Final[dict[str, Any]] = {}
"""The macros of plugins by the plugins' names."""


def ds_add(ds: str, days: int) -> str:
    """The day ``days`` after the day ``ds``, both as ``YYYY-MM-DD``."""
    day = datetime.strptime(str(ds), "%Y-%m-%d")  # noqa: DTZ007 - a day has no time zone
    return (day + timedelta(days=days)).strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """A date text in another format, both formats being ``strftime``'s."""
    return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007 - as above


def datetime_diff_for_humans(dt: Any, since_date: Any = None) -> str:
    """How long ago (or ahead) a moment is, in words: ``2 days ago``."""
    import pendulum

    moment = pendulum.instance(dt)
    return str(moment.diff_for_humans() if since_date is None else moment.diff_for_humans(since_date))


def __getattr__(name: str) -> Any:
    if name == "dateutil":  # loaded only where a template uses it
        import_module("dateutil.parser")
        import_module("dateutil.relativedelta")
        return import_module("dateutil")
    if name in of_plugins:
        return of_plugins[name]
    raise AttributeError(f"macros has no {name!r}")
