"""The whole OpenAPI document, built when it is first asked for."""

import json
from functools import cache

from chalicelib import __version__
from chalicelib.api.experimental.openapi import components, operations
from chalicelib.api.experimental.openapi.schemas import SCHEMAS, Part
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.settings import AIRFLOW_VERSION

_ABOUT = """\
Airflow's experimental REST API, as clients of Airflow 1.10 and 2.10 use it.

Every refusal is `{"error": text}`. `HEAD` answers wherever `GET` does, without a body; `OPTIONS` names the
methods of a path in `Allow` and needs no credentials; any other method is refused with 405. Names in paths
are percent-decoded once. API Gateway itself refuses what it limits: bodies over 10 MB (413) and too many
requests at once (429).
"""


@cache
def as_json() -> str:
    """The document as it is served."""
    return json.dumps(document())


def document() -> Part:
    """The document, made of JSON values."""
    return {
        "openapi": "3.1.1",
        # The version of a document is that of the API, not of what implements it (OpenAPI 3.1, Info Object).
        "info": {
            "title": "Updraft: the experimental API",
            "version": AIRFLOW_VERSION,
            "x-updraft-version": __version__,
            "description": _ABOUT,
        },
        "servers": [{"url": EXPERIMENTAL.root}],
        "security": [{}, *({scheme: []} for scheme in components.SECURITY_SCHEMES)],
        "paths": operations.paths(EXPERIMENTAL.routes),
        "components": {
            "schemas": SCHEMAS,
            "parameters": components.PARAMETERS,
            "headers": components.HEADERS,
            "responses": components.RESPONSES,
            "securitySchemes": components.SECURITY_SCHEMES,
        },
    }
