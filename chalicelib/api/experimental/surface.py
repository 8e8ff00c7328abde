"""``EXPERIMENTAL``: the surface of the experimental API, with all its routes."""

from collections.abc import Mapping

from chalicelib.api.http.request_and_reply import NO_HEADERS, Reply, json_reply
from chalicelib.api.http.surface import Routes, Surface
from chalicelib.domain.errors import (
    DagNotFound,
    DagRunAlreadyExists,
    DagRunNotFound,
    IdempotencyKeyReused,
    InvalidRequest,
    PoolNotFound,
    TaskInstanceNotFound,
    TaskInstancesRunning,
    TaskNotFound,
)
from chalicelib.settings import Settings

_ROUTES: Routes = {
    "/test": {"GET": "service:test"},
    "/info": {"GET": "service:info"},
    "/openapi.json": {"GET": "service:openapi"},
    "/dags/{dag_id}": {"DELETE": "dags:delete"},
    "/dags/{dag_id}/delete_dag": {"DELETE": "dags:delete_for_the_client"},
    "/dags/{dag_id}/code": {"GET": "dags:code"},
    "/dags/{dag_id}/paused": {"GET": "dags:paused"},
    "/dags/{dag_id}/paused/{word}": {"GET": "dags:set_paused"},
    "/dags/{dag_id}/dag_runs": {"GET": "dag_runs:dag_runs", "POST": "dag_runs:trigger"},
    "/dags/{dag_id}/dag_runs/{execution_date}": {"GET": "dag_runs:dag_run"},
    "/latest_runs": {"GET": "latest_runs:latest_runs"},
    "/dags/{dag_id}/tasks/{task_id}": {"GET": "tasks:task"},
    "/dags/{dag_id}/dag_runs/{execution_date}/tasks/{task_id}": {"GET": "task_instances:task_instance"},
    "/pools": {"GET": "pools:pools", "POST": "pools:save"},
    "/pools/{name}": {"GET": "pools:pool", "DELETE": "pools:delete"},
    "/lineage/{dag_id}/{execution_date}": {"GET": "lineage:lineage"},
}

_STATUSES: Mapping[type[Exception], int] = {
    DagNotFound: 404,
    TaskNotFound: 404,
    DagRunNotFound: 404,
    TaskInstanceNotFound: 404,
    PoolNotFound: 404,
    DagRunAlreadyExists: 400,
    IdempotencyKeyReused: 409,
    InvalidRequest: 400,
    TaskInstancesRunning: 409,
}


def _is_on(settings: Settings) -> bool:
    return settings.enable_experimental_api


def _error_reply(status: int, text: str, *, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
    """``{"error": ...}``."""
    return json_reply({"error": text}, status=status, headers=headers)


EXPERIMENTAL = Surface(
    prefix="/experimental",
    is_on=_is_on,
    package=__package__,
    routes=_ROUTES,
    error_reply=_error_reply,
    statuses=_STATUSES,
    # As Airflow 2 has them.
    headers={
        "Deprecation": "true",
        "Link": "<https://airflow.apache.org/docs/apache-airflow/2.10.5/howto/upgrading-from-1-10/index.html"
        '#migration-guide-from-experimental-api-to-stable-api-v1>; rel="deprecation"; type="text/html"',
    },
    # Airflow's reference documents it with a slash at its end, and its server has it without.
    may_end_in_a_slash=frozenset({"/lineage/{dag_id}/{execution_date}"}),
    logged_parameters=("dag_id", "execution_date", "task_id"),
)
