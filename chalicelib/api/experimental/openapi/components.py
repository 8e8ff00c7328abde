"""Components of the OpenAPI document that operations share: parameters, headers, refusals."""

from collections.abc import Mapping

from chalicelib.api.experimental.openapi.schemas import Part, schema
from chalicelib.api.http.idempotency import HEADER, LONGEST_KEY

DATE = "2024-05-06T07:08:09+00:00"
"""The execution date of all examples."""


def reference(kind: str, name: str) -> Part:
    """A reference to a component: of the kind ``parameters``, ``headers`` or ``responses``."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _in_path(name: str, description: str, example: str, content: Part | None = None) -> Part:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": content or {"type": "string", "minLength": 1},
        "example": example,
    }


PARAMETERS: dict[str, Part] = {
    "dag_id": _in_path("dag_id", "The DAG's id, percent-encoded once.", "etl"),
    "task_id": _in_path("task_id", "The task's id, percent-encoded once.", "load"),
    "name": _in_path("name", "The pool's name, percent-encoded once.", "default_pool"),
    "execution_date": _in_path(
        "execution_date",
        "A run is found by its instant, exact to the microsecond.",
        DATE,
        schema("Date"),
    ),
    "word": _in_path("word", "`true` pauses, any other word unpauses.", "true"),
    "idempotency_key": {
        "name": HEADER,
        "in": "header",
        "description": "Stands for this request for 24 hours: sent again with the same body, it is"
        " answered as the first time and nothing is done. Not of Airflow.",
        "schema": {"type": "string", "pattern": f"^[!-~]{{1,{LONGEST_KEY}}}$"},
        "example": "6f0c0b9e-3f0a-4d0e-8b1c-2f3a4b5c6d7e",
    },
}
"""Path parameters by their name in the templates, and others."""

HEADERS: dict[str, Part] = {
    "Deprecation": {
        "description": "As Airflow 2 has it on every answer of this API.",
        "schema": {"const": "true"},
    },
    "Link": {
        "description": "Where Airflow says what comes instead of this API; of a page also the next one.",
        "schema": {"type": "string", "pattern": 'rel="deprecation"'},
    },
}
"""On every answer of the app, but on none that API Gateway gives by itself: so they are not required."""

_CHALLENGE: Part = {
    "WWW-Authenticate": {
        "description": "How to authenticate: `Basic`, `Negotiate`.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER: Part = {
    "Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}},
}


def answer(description: str, content: Part, headers: Mapping[str, Part] | None = None) -> Part:
    """A response of the app, with the headers that all of them have."""
    common = {name: reference("headers", name) for name in HEADERS}
    return {"description": description, "headers": {**common, **(headers or {})}, "content": content}


def refusal(description: str, headers: Mapping[str, Part] | None = None, *, example: str) -> Part:
    """A response ``{"error": text}``."""
    content = {"schema": schema("Error"), "example": {"error": example}}
    return answer(description, {"application/json": content}, headers)


RESPONSES: dict[str, Part] = {
    "BadRequest": refusal(
        "The request cannot be read, or its answer would be larger than AWS Lambda can return.",
        example="The body cannot be read as UTF-8",
    ),
    "Unauthorized": refusal("The auth backend wants credentials.", _CHALLENGE, example="Unauthorized"),
    "Forbidden": refusal("The auth backend refuses what it was given.", example="Forbidden"),
    "NotFound": refusal("No such path, or the API is switched off.", example="Not found"),
    "TooManyTries": refusal(
        "So many passwords were tried for the user name that for now none is looked at.",
        _RETRY_AFTER,
        example="Too many passwords were tried for this user name; try again in 10 s",
    ),
    "KeyReused": refusal(
        "The key was sent before with another body.",
        example="The Idempotency-Key was used with another body before; use a new key",
    ),
    "ServerError": refusal(
        "An error of the server; its reference is for who can read the log.",
        example="Internal server error; its reference in the log is 0123456789ab",
    ),
    "Unavailable": refusal(
        "The store refuses for the moment.", _RETRY_AFTER, example="Not available for the moment; try again"
    ),
}

SECURITY_SCHEMES: dict[str, Part] = {
    "basic": {"type": "http", "scheme": "basic", "description": "A password backend."},
    "negotiate": {"type": "http", "scheme": "negotiate", "description": "The Kerberos backend (SPNEGO)."},
}
