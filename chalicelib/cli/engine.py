"""The engine that a command speaks to, and what its arguments name there."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.domain.errors import InvalidRequest
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.engine.engine import Engine

CALLER = "command line"
"""Who triggers, pauses and backfills, as it is kept."""


def connect() -> "Engine":
    """The engine over the stage's DynamoDB and SQS, or over the running local server's.

    Its settings are those of the environment, then of ``airflow.cfg``: a command acts for its user, as in
    Airflow. (What acts for a server has the environment's only, as a Lambda has.) Raises
    ``click.ClickException`` when no local server runs, and ``SettingError``.
    """
    from chalicelib import bootstrap

    reach_local_server()
    with bootstrap.use(settings=Configuration.read().settings()):
        return bootstrap.engine()


@contextmanager
def with_stored_secrets(engine: "Engine") -> Iterator[None]:
    """Let Airflow's ``Variable`` and ``Connection`` find those of the stage, as in a task of it."""
    from chalicelib import bootstrap
    from chalicelib.authoring.surroundings.connections import connections_in
    from chalicelib.authoring.surroundings.secrets import secrets_from
    from chalicelib.authoring.surroundings.variables import variables_in

    with (
        variables_in(engine.store.variables),
        connections_in(engine.store.connections),
        secrets_from(bootstrap.secrets_backend()),
    ):
        yield


def moment(text: str) -> datetime:
    """A date as Airflow's command line takes it; raises ``InvalidRequest``."""
    from chalicelib.engine.runs.execution_dates import execution_date

    return execution_date(text)


def find_run(engine: "Engine", dag_id: str, date_or_run_id: str) -> "DagRun":
    """The run of that id or execution date; raises ``DagNotFound``, ``DagRunNotFound``."""
    from chalicelib.domain.errors import DagRunNotFound
    from chalicelib.domain.runs.dags import sees
    from chalicelib.engine.lookup import get_dag, get_dag_run

    dag = get_dag(engine, dag_id)
    run = engine.store.dag_runs.get_by_run_id(dag_id, date_or_run_id)
    if run is not None and sees(dag, run):
        return run
    try:
        date = moment(date_or_run_id)
    except InvalidRequest:
        raise DagRunNotFound(dag_id, date_or_run_id) from None
    return get_dag_run(engine, dag_id, date)


def dag_ids_of(engine: "Engine", dag_id: str, *, is_regex: bool) -> list[str]:
    """The id itself, or the ids of all present DAGs that it fits as a regular expression, in order.

    Raises ``InvalidRequest`` for what is no regular expression, or fits no DAG.
    """
    if not is_regex:
        return [dag_id]
    try:
        pattern = re.compile(dag_id)
    except re.error as error:
        raise InvalidRequest(f"{dag_id!r} is no regular expression: {error}") from error
    found = sorted(dag.dag_id for dag in engine.store.dags.list() if not dag.is_deleted)
    fitting = [name for name in found if pattern.search(name)]
    if not fitting:
        raise InvalidRequest(f"No DAG id fits {dag_id!r}")
    return fitting


def runs_between(
    engine: "Engine",
    dag_id: str,
    since: datetime | None,
    until: datetime | None,
    *,
    descending: bool = False,
) -> "Iterator[DagRun]":
    """The runs of a range of execution dates, both included, in order; raises ``DagNotFound``."""
    from chalicelib.domain.runs.dags import sees
    from chalicelib.engine.lookup import get_dag

    dag = get_dag(engine, dag_id)
    found = engine.store.dag_runs.list(dag_id, since=since, until=until, descending=descending)
    return (run for run in found if sees(dag, run))


def reach_local_server() -> None:
    """On the stage ``local``: speak to the embedded AWS of the running local server.

    Raises ``click.ClickException`` when none runs. Another stage, or an ``AWS_ENDPOINT_URL`` of the
    user's own, is left as it is.
    """
    if Settings.from_environ().stage != "local" or "AWS_ENDPOINT_URL" in os.environ:
        return
    from chalicelib.local.fernet_key import VARIABLE, kept_fernet_key
    from chalicelib.local.server import prepare_environment
    from chalicelib.local.state_folder import published_endpoint

    state_dir = Path(os.environ.get("UPDRAFT__LOCAL__STATE_DIR") or ".updraft")
    endpoint = published_endpoint(state_dir)
    if endpoint is None:
        raise click.ClickException(
            f"No local server runs on the state folder {state_dir}. Start one with 'make run', "
            "or name a deployed stage with UPDRAFT__AWS__STAGE."
        )
    prepare_environment(os.environ, endpoint)
    os.environ[VARIABLE] = kept_fernet_key(state_dir)
