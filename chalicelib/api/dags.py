"""``/dags/{dag_id}/paused``: whether a DAG is paused, and the switch."""

from chalicelib import bootstrap
from chalicelib.api import names
from chalicelib.api.exchange import Reply, Request, json_reply
from chalicelib.api.routing import Paths


def paused(request: Request) -> Reply:
    """Tells whether the DAG is paused."""
    from chalicelib.engine.queries import get_dag

    dag = get_dag(bootstrap.engine(), names.dag_id(request))
    return json_reply({"is_paused": dag.is_paused})


def set_paused(request: Request) -> Reply:
    """Pauses for the word ``true``, unpauses for any other, as Airflow does."""
    from chalicelib.engine import pausing

    pausing.set_paused(
        bootstrap.engine(),
        names.dag_id(request),
        paused=request.path["word"] == "true",
        changed_by=request.asked_by,
    )
    return json_reply({"response": "ok"})


PATHS: Paths = {
    "/dags/{dag_id}/paused": {"GET": paused},
    "/dags/{dag_id}/paused/{word}": {"GET": set_paused},
}
