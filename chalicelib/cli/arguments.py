"""Arguments that several commands take, with the options' names in both of Airflow's spellings."""

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from chalicelib.cli.engine import connect, moment
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


class _Pattern(click.ParamType[re.Pattern[str]]):
    name = "regex"

    def convert(
        self, value: str | re.Pattern[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> re.Pattern[str]:
        try:
            return re.compile(value)
        except re.error as error:
            return self.fail(f"is no regular expression: {error}", param, ctx)


MOMENT = _Moment()
"""A date in any form that Airflow takes, as an aware datetime."""

PATTERN = _Pattern()
"""A regular expression, compiled."""

JSON_OBJECT = _JsonObject()
"""A conf, as a dict."""


def dag_ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What a shell completes a DAG id to; raises what ``connect`` raises, which the shell is not shown."""
    found = (dag.dag_id for dag in connect().store.dags.list() if dag.is_active)
    return [CompletionItem(name) for name in sorted(found) if name.startswith(incomplete)]


def task_ids(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same for a task of the DAG that was named before it."""
    from chalicelib.engine.graphs import graph_of
    from chalicelib.engine.lookup import get_dag

    engine = connect()
    dag = get_dag(engine, context.params["dag_id"])
    names = graph_of(engine, dag.dag_id, dag.version).tasks
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


dag_argument: Callable[[Command], Command] = click.argument("dag_id", shell_complete=dag_ids)
task_argument: Callable[[Command], Command] = click.argument("task_id", shell_complete=task_ids)
date_argument: Callable[[Command], Command] = click.argument("execution_date", type=MOMENT)
run_argument: Callable[[Command], Command] = click.argument("execution_date_or_run_id")
conf_option: Callable[[Command], Command] = click.option(
    "--conf", "-c", type=JSON_OBJECT, default="{}", help="The conf of the run, a JSON object."
)
dry_run_option: Callable[[Command], Command] = click.option(
    "--dry-run", "--dry_run", "-n", is_flag=True, help="Tell what would be done, and do nothing."
)
yes_option: Callable[[Command], Command] = click.option(
    "--yes", "--no_confirm", "-y", is_flag=True, help="Do not ask."
)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed.

    Raises ``click.Abort`` (exit code 1) for a no, ``ClickException`` where there is no terminal to ask.
    """
    if yes:
        return
    try:
        is_wanted = click.confirm(f"{question} Proceed?")
    except click.Abort as error:
        if sys.stdin.isatty():
            raise
        raise click.ClickException("Nobody answers: say --yes to go on without a question") from error
    if not is_wanted:
        raise click.Abort
