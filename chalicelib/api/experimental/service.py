"""``/test`` and ``/info``: whether the server is there, and which Airflow it serves."""

from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.api.http.routing import Paths
from chalicelib.settings import AIRFLOW_VERSION


def test(_request: Request) -> Reply:
    """Says that the server is there."""
    return json_reply({"status": "OK"})


def info(_request: Request) -> Reply:
    """Tells the version of the Airflow that is served."""
    return json_reply({"version": AIRFLOW_VERSION})


PATHS: Paths = {"/test": {"GET": test}, "/info": {"GET": info}}
