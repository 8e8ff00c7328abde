"""The table of auth backends, and the ``Decision`` of each on a request; pure.

The API Gateway authorizer asks ``decide`` before a view runs; the view asks ``confirm`` behind it, so
that a route that lost its authorizer is closed, not open. ``without_credentials`` is what API Gateway
has to answer by itself, for it does not ask an authorizer about a request without the header.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.auth.verdicts import Caller, Origin, Scheme, Throttled, Verdict
from chalicelib.settings import SettingError

DEFAULT = "airflow.api.auth.backend.default"
"""Accepts every caller."""

DENY_ALL = "airflow.api.auth.backend.deny_all"
"""Accepts no caller; the backend where none is set."""

PASSWORD_AUTH = "airflow.contrib.auth.backends.password_auth"  # noqa: S105 - Airflow 1.10's name of it
"""User names and passwords; wrong ones are forbidden."""

BASIC_AUTH = "airflow.api.auth.backend.basic_auth"
"""User names and passwords; wrong ones are asked for again."""

KERBEROS_AUTH = "airflow.api.auth.backend.kerberos_auth"
"""Tickets of a Kerberos realm."""

_FAB = "airflow.providers.fab.auth_manager.api.auth.backend"


class UnknownBackend(SettingError):
    """``AIRFLOW__API__AUTH_BACKEND`` names a backend that is not served."""

    def __init__(self, backend: str) -> None:
        super().__init__(
            f"AIRFLOW__API__AUTH_BACKEND is {backend!r}; it takes one of {', '.join(sorted(_BACKENDS))}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a request may go on, and the answer if it may not."""

    allowed: bool
    status: int = 200
    """The HTTP status of the answer if it may not."""
    challenge: str | None = None
    """The ``WWW-Authenticate`` header of that answer."""
    principal: str | None = None
    """The caller, proven or claimed, as far as the backend knows."""
    reply: str | None = None
    """The token that proves the server to the caller."""
    reason: str | None = None
    """The reason why credentials were refused, for the log."""
    origin: Origin | None = None
    """The addresses from which the caller may come; None: any."""
    wait: int = 0
    """Seconds after which to try again, of an answer 429."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Backend:
    """A row of the table."""

    missing: int
    """The status of a request without credentials."""
    wrong: int
    """The status of a request with wrong ones."""
    scheme: Scheme | None = None
    """The kind of credentials; None: no credentials count."""
    challenge: str | None = None
    """The ``WWW-Authenticate`` header of each 401."""

    def refusal(self, status: int, *, principal: str | None = None, reason: str | None = None) -> Decision:
        challenge = self.challenge if status == 401 else None
        return Decision(allowed=False, status=status, challenge=challenge, principal=principal, reason=reason)


_ALLOWED = Decision(allowed=True)
_FORBIDDEN = Decision(allowed=False, status=403)

_OPEN = _Backend(missing=200, wrong=200)
_CLOSED = _Backend(missing=403, wrong=403)
_PASSWORD = _Backend(missing=401, wrong=403, scheme=Scheme.PASSWORD, challenge="Basic")
_BASIC = _Backend(missing=401, wrong=401, scheme=Scheme.PASSWORD, challenge="Basic")
_KERBEROS = _Backend(missing=401, wrong=403, scheme=Scheme.KERBEROS, challenge="Negotiate")

_BACKENDS = {
    DEFAULT: _OPEN,
    DENY_ALL: _CLOSED,
    PASSWORD_AUTH: _PASSWORD,
    BASIC_AUTH: _BASIC,
    KERBEROS_AUTH: _KERBEROS,
    # where the two are since Airflow 2.9
    f"{_FAB}.basic_auth": _BASIC,
    f"{_FAB}.kerberos_auth": _KERBEROS,
}
"""Airflow's dotted names, of 1.10 and 2.x, and what each answers (observed on 1.10's source and 2.10.5)."""


def decide(backend: str, authorization: str | None, verify: Callable[[Scheme, str], Verdict]) -> Decision:
    """The decision of the backend of that dotted name on an ``Authorization`` header.

    ``verify`` is asked by backends that look at credentials. Raises ``UnknownBackend`` and what
    ``verify`` raises.
    """
    row = _row(backend)
    if row is _OPEN:
        return _ALLOWED
    if not authorization or row.scheme is None:
        return row.refusal(row.missing)
    verdict = verify(row.scheme, authorization)
    if isinstance(verdict, Caller):
        caller = verdict.principal
        return Decision(allowed=True, principal=caller, reply=verdict.reply, origin=verdict.origin)
    if isinstance(verdict, Throttled):
        return throttled(verdict)
    status = row.missing if verdict.wants_another_leg else row.wrong
    return row.refusal(status, principal=verdict.claimed, reason=verdict.reason)


def without_credentials(backend: str) -> Decision:
    """The decision of the backend on a request without the header; raises ``UnknownBackend``."""
    row = _row(backend)
    return _ALLOWED if row is _OPEN else row.refusal(row.missing)


def throttled(verdict: Throttled) -> Decision:
    """The decision of every backend on a caller who has to wait."""
    return Decision(
        allowed=False, status=429, wait=verdict.wait, principal=verdict.claimed, reason=verdict.reason
    )


def confirm(backend: str, principal: str | None) -> Decision:
    """Whether a request may enter its view, given the principal that the authorizer vouched for, if any.

    The backend itself is not asked again: checking a password twice would cost twice. Raises
    ``UnknownBackend``.
    """
    row = _row(backend)
    if row is _OPEN:
        return _ALLOWED
    if row.scheme is None or not principal:
        return _FORBIDDEN
    return Decision(allowed=True, principal=principal)


def is_open(backend: str) -> bool:
    """Whether the backend accepts every caller; raises ``UnknownBackend``."""
    return _row(backend) is _OPEN


def scheme(backend: str) -> Scheme | None:
    """The kind of credentials that the backend takes, if any; raises ``UnknownBackend``."""
    return _row(backend).scheme


def _row(name: str) -> _Backend:
    try:
        return _BACKENDS[name]
    except KeyError:
        raise UnknownBackend(name) from None
