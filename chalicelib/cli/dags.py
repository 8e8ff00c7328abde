"""``dags``: what can be done with a DAG as a whole."""

import json
from typing import Any

import click


@click.group()
def dags() -> None:
    """Look after DAGs."""


@dags.command()
@click.argument("dag_id")
@click.option("--start-date", "-s", required=True, help="The first logical date.")
@click.option("--end-date", "-e", required=True, help="The last logical date, included.")
@click.option("--conf", "-c", default="{}", help="The conf of the runs, a JSON object.")
def backfill(dag_id: str, start_date: str, end_date: str, conf: str) -> None:
    """Make the runs of a range of dates that are not there yet, also while the DAG is paused.

    Example: python -m chalicelib dags backfill example_branch -s 2026-01-01 -e 2026-01-31
    """
    from chalicelib import bootstrap
    from chalicelib.cli.environment import reach_local_server
    from chalicelib.domain.errors import UpdraftError
    from chalicelib.engine.backfill import BackfillRequest
    from chalicelib.engine.backfill import backfill as backfill_dag
    from chalicelib.engine.execution_dates import execution_date

    reach_local_server()
    try:
        first = backfill_dag(
            bootstrap.engine(),
            BackfillRequest(
                dag_id=dag_id,
                start_date=execution_date(start_date),
                end_date=execution_date(end_date),
                conf=_conf(conf),
                triggered_by="command line",
            ),
        )
    except UpdraftError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The runs of {dag_id} from {first.isoformat()} on are being made.")


def _conf(text: str) -> dict[str, Any]:
    try:
        conf = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"--conf is no JSON: {error}") from error
    if not isinstance(conf, dict):
        raise click.BadParameter("--conf has to be a JSON object")
    return conf
