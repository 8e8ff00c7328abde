"""Arguments that several commands take, with the options' names in both of Airflow's spellings."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from chalicelib.cli.connection import moment
from chalicelib.domain.errors import InvalidRequest

Command = TypeVar("Command", bound=Callable[..., Any])


class _Moment(click.ParamType[datetime]):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment(str(value))
        except InvalidRequest as error:
            return self.fail(str(error), param, ctx)


class _JsonObject(click.ParamType[dict[str, Any]]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            document = json.loads(value)
        except (ValueError, RecursionError) as error:
            self.fail(f"--conf is no JSON: {error}", param, ctx)
        if not isinstance(document, dict):
            self.fail("--conf has to be a JSON object", param, ctx)
        return document


MOMENT = _Moment()
"""A date in any form that Airflow takes, as an aware datetime."""

JSON_OBJECT = _JsonObject()
"""A conf, as a dict."""

dag_argument: Callable[[Command], Command] = click.argument("dag_id")
task_argument: Callable[[Command], Command] = click.argument("task_id")
date_argument: Callable[[Command], Command] = click.argument("execution_date", type=MOMENT)
run_argument: Callable[[Command], Command] = click.argument("execution_date_or_run_id")
conf_option: Callable[[Command], Command] = click.option(
    "--conf", "-c", type=JSON_OBJECT, default="{}", help="The conf of the run, a JSON object."
)
dry_run_option: Callable[[Command], Command] = click.option(
    "--dry-run", "-n", is_flag=True, help="Tell what would be done, and do nothing."
)
yes_option: Callable[[Command], Command] = click.option(
    "--yes", "--no_confirm", "-y", is_flag=True, help="Do not ask."
)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; raises ``click.Abort`` (exit code 1) for a no, or for no answer."""
    if not yes:
        click.confirm(f"{question} Proceed?", abort=True)
