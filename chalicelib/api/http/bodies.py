"""The body of a request, read as JSON whatever its ``Content-Type`` says."""

import json
from typing import Any

from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import InvalidRequest

_DEEPEST = 200
"""Levels of lists and objects inside each other. A stored value is read again, deeper in a stack."""


def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body; raises ``InvalidRequest``."""
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON that can be read") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object")
    if nests_too_deeply(value):
        raise InvalidRequest(f"The body nests lists and objects more than {_DEEPEST} levels deep")
    return value


def nests_too_deeply(value: Any) -> bool:
    """Whether a JSON value has more levels than are taken."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [item for parent in level for item in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
