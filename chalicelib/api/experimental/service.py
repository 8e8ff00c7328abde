"""Views of ``/test``, ``/info`` and ``/openapi.json``: the API itself."""

from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.settings import AIRFLOW_VERSION


def test(_request: Request) -> Reply:
    """Says that the server is there."""
    return json_reply({"status": "OK"})


def info(_request: Request) -> Reply:
    """Tells the version of the Airflow that is served."""
    return json_reply({"version": AIRFLOW_VERSION})


def openapi(_request: Request) -> Reply:
    """Serves the OpenAPI document."""
    from chalicelib.api.experimental.openapi.document import as_json

    return Reply(text=as_json())
