"""View of ``/latest_runs``: the run of each DAG with the greatest execution date."""

from typing import Any

from chalicelib import bootstrap
from chalicelib.api.experimental.urls import dag_run_url
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.domain.runs.dags import LatestRun


def latest_runs(_request: Request) -> Reply:
    """Lists one run per DAG that has runs, in no fixed order; the newest by date, not the last made."""
    from chalicelib.engine.reading.queries import latest_runs as find_latest_runs

    return json_reply({"items": [_shown(*found) for found in find_latest_runs(bootstrap.engine())]})


def _shown(dag_id: str, run: LatestRun) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "execution_date": run.execution_date.isoformat(),
        "start_date": run.start_date.isoformat() if run.start_date else "",
        "dag_run_url": dag_run_url(dag_id, run.execution_date),
    }
