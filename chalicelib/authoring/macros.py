"""``macros`` in templates, and ``airflow.macros`` in DAG files."""

import json
import time
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from random import random
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


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: Any = None) -> str:
    """A date text in another format, the second being that of ``babel``, which has to be installed."""
    babel, dates = import_module("babel"), import_module("babel.dates")
    moment = datetime.strptime(str(ds), input_format)  # noqa: DTZ007 - as above
    wanted = babel.Locale.parse(locale or dates.LC_TIME)
    return str(dates.format_datetime(moment, format=output_format, locale=wanted))


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """How long ago (or ahead) a moment is, in words: ``2 days ago``."""
    import pendulum

    other = None if since is None else pendulum.instance(since)
    return str(pendulum.instance(dt).diff_for_humans(other))


def __getattr__(name: str) -> Any:
    if name == "dateutil":  # loaded only where a template uses it
        import_module("dateutil.parser")
        import_module("dateutil.relativedelta")
        return import_module("dateutil")
    if name in of_plugins:
        return of_plugins[name]
    if name == "yaml":
        return import_module("yaml")
    raise AttributeError(f"macros has no {name!r}")
