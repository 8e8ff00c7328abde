"""Which backend decides about a request, and what it decides; pure.

The API Gateway authorizer asks ``decide`` before a view runs; the view asks ``confirm`` behind it, so
that a route that lost its authorizer is closed, not open.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.settings import SettingError

DEFAULT = "airflow.api.auth.backend.default"
"""Lets everyone in."""

DENY_ALL = "airflow.api.auth.backend.deny_all"
"""Lets nobody in; what an unset backend means."""


class UnknownBackend(SettingError):
    """``AIRFLOW__API__AUTH_BACKEND`` names a backend that is not served."""

    def __init__(self, backend: str) -> None:
        super().__init__(
            f"AIRFLOW__API__AUTH_BACKEND is {backend!r}; it takes one of {', '.join(sorted(_BACKENDS))}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a request may go on.

    ``status`` is that of the answer when it may not, ``challenge`` the ``WWW-Authenticate`` header of
    that answer, ``principal`` who asks, where the backend knows.
    """

    allowed: bool
    status: int = 200
    challenge: str | None = None
    principal: str | None = None


Backend = Callable[[str | None], Decision]
"""Decides by the ``Authorization`` header; None where the request has none."""

_ALLOWED = Decision(allowed=True)
_FORBIDDEN = Decision(allowed=False, status=403)


def decide(backend: str, authorization: str | None) -> Decision:
    """What the backend of that dotted name says to an ``Authorization`` header.

    Raises ``UnknownBackend``.
    """
    return _backend(backend)(authorization)


def confirm(backend: str, principal: str | None) -> Decision:
    """Whether a request may enter its view, given the principal that the authorizer vouched for, if any.

    The backend itself is not asked again: checking a password twice would cost twice. Raises
    ``UnknownBackend``.
    """
    if is_open(backend):
        return _ALLOWED
    if _backend(backend) is _deny_all or not principal:
        return _FORBIDDEN
    return Decision(allowed=True, principal=principal)


def is_open(backend: str) -> bool:
    """Whether everyone may come in, so that nobody need be asked; raises ``UnknownBackend``."""
    return _backend(backend) is _default


def _default(_authorization: str | None) -> Decision:
    return _ALLOWED


def _deny_all(_authorization: str | None) -> Decision:
    return _FORBIDDEN


_BACKENDS: dict[str, Backend] = {DEFAULT: _default, DENY_ALL: _deny_all}


def _backend(name: str) -> Backend:
    try:
        return _BACKENDS[name]
    except KeyError:
        raise UnknownBackend(name) from None
