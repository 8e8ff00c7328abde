"""What a view is given and what it gives back: requests and replies, free of Chalice."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request to one of our paths.

    ``path`` holds the path's parameters, percent-decoded once; ``query`` the first value of each query
    parameter; ``principal`` who asks, where the auth backend knows.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    principal: str | None

    @property
    def asked_by(self) -> str:
        """Who or what is noted as the cause of a change."""
        return self.principal or "api"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer; ``text`` is its body."""

    text: str
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
    """A JSON answer as Airflow writes it: keys sorted, ``, `` and ``: `` between, ASCII only."""
    return Reply(text=json.dumps(value, sort_keys=True), status=status, headers=headers)


def error_reply(status: int, error: str, *, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
    """A refusal: ``{"error": ...}``."""
    return json_reply({"error": error}, status=status, headers=headers)
