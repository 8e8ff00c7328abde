"""The engine that a command speaks to, and what its arguments name there."""

from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.cli.configuration import Configuration
from chalicelib.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from chalicelib.domain.dag_runs import DagRun
    from chalicelib.engine.core import Engine

CALLER = "command line"
"""Who triggers, pauses and backfills, as it is kept."""


def connect() -> "Engine":
    """The engine over the stage's DynamoDB and SQS, or over the running local server's.

    Its settings are those of the environment, then of ``airflow.cfg``: a command acts for its user, as in
    Airflow. (What acts for a server has the environment's only, as a Lambda has.) Raises
    ``click.ClickException`` when no local server runs, and ``SettingError``.
    """
    from chalicelib import bootstrap
    from chalicelib.cli.environment import reach_local_server

    reach_local_server()
    with bootstrap.use(settings=Configuration.read().settings()):
        return bootstrap.engine()


def moment(text: str) -> datetime:
    """A date as Airflow's command line takes it; raises ``InvalidRequest``."""
    from chalicelib.engine.execution_dates import execution_date

    return execution_date(text)


def find_run(engine: "Engine", dag_id: str, date_or_run_id: str) -> "DagRun":
    """The run of that id or execution date; raises ``DagNotFound``, ``DagRunNotFound``."""
    from chalicelib.domain.dags import sees
    from chalicelib.domain.errors import DagRunNotFound
    from chalicelib.engine.queries import get_dag, get_dag_run

    dag = get_dag(engine, dag_id)
    run = engine.store.dag_runs.get_by_run_id(dag_id, date_or_run_id)
    if run is not None and sees(dag, run):
        return run
    try:
        date = moment(date_or_run_id)
    except InvalidRequest:
        raise DagRunNotFound(dag_id, date_or_run_id) from None
    return get_dag_run(engine, dag_id, date)
