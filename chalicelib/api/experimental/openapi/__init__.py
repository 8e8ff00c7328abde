"""``/openapi.json``: what every route takes and answers, as an OpenAPI 3.1 document.

A route or a field that is added, changed or dropped is so in ``operations`` and ``components`` too; the
tests of the document and the fuzz tests, which send what it allows, fail when it is not.
"""

from chalicelib.api.http.request_and_reply import Reply, Request
from chalicelib.api.http.routing import Paths


def openapi(_request: Request) -> Reply:
    """Serves the document."""
    from chalicelib.api.experimental.openapi.document import as_json

    return Reply(text=as_json())


PATHS: Paths = {"/openapi.json": {"GET": openapi}}
