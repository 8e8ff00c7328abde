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
    parameter; ``headers`` is by names in lower case; ``principal`` who asks, where the auth backend knows.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    principal: str | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked_by(self) -> str:
        """Who or what is noted as the cause of a change."""
        return self.principal or "api"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer; ``text`` is its body, ``next_page`` where the list that it begins goes on.

    ``change`` is what the request changed, for the audit log; None if it changed nothing.
    """

    text: str
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    next_page: str | None = None
    change: Mapping[str, object] | None = None


def json_reply(
    value: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] = NO_HEADERS,
    change: Mapping[str, object] | None = None,
) -> Reply:
    """A JSON answer."""
    return Reply(text=json_text(value), status=status, headers=headers, change=change)


def encoded_size(text: str) -> int:
    """Bytes that a text takes in what a Lambda returns, which is JSON: its quotes take two there."""
    return len(json.dumps(text))


def json_text(value: Any) -> str:
    """A value as Airflow writes it: keys sorted, ``, `` and ``: `` between, ASCII only."""
    return json.dumps(value, sort_keys=True)
