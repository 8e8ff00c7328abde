"""The ``Idempotency-Key`` header, with which a client can repeat a request safely."""

import re

from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.idempotency import IdempotencyKey

HEADER = "Idempotency-Key"
LONGEST_KEY = 255

_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")


def idempotency_key(request: Request, route: str, name: str = "") -> IdempotencyKey | None:
    """The key of a request, None if it has none; raises ``InvalidRequest``.

    A key counts for one route, one ``name`` in its path and one principal. Bodies are compared byte by byte.
    """
    text = request.headers.get(HEADER.lower())
    if text is None:
        return None
    if not _KEY.fullmatch(text):
        raise InvalidRequest(f"{HEADER} takes 1 to {LONGEST_KEY} visible ASCII characters")
    return IdempotencyKey.of(text, request.body, route, name, request.principal)
