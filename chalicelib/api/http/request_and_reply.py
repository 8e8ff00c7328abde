"""``Request`` and ``Reply``: what goes into a view and comes out of it, free of Chalice."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request to a path of a surface."""

    path: Mapping[str, str]
    """The parameters of the path, percent-decoded once."""
    query: Mapping[str, str]
    """The first value of each query parameter."""
    body: bytes
    principal: str | None
    """The caller, where the auth backend knows it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers, by names in lower case."""

    @property
    def asked_by(self) -> str:
        """The cause that is noted with a change: the caller, or ``api``."""
        return self.principal or "api"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer of a view."""

    text: str
    """The body."""
    status: int = 200
    """The HTTP status."""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of this answer, beside those of all answers of the surface."""
    next_page: str | None = None
    """The path of the next page of a list; None if there is none."""
    change: Mapping[str, object] | None = None
    """The change that the request made, for the audit log; None if it made none."""


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
    """Bytes of a text in the JSON that a Lambda returns, where a quote takes two."""
    return len(json.dumps(text))


def json_text(value: Any) -> str:
    """A value as Airflow writes it: keys sorted, ``, `` and ``: `` between, ASCII only."""
    return json.dumps(value, sort_keys=True)
