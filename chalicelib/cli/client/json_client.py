"""``airflow.api.client.json_client``: the experimental API over HTTP, with the standard library only."""

import base64
import json
import netrc
import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from chalicelib.cli.client.negotiate import Negotiation
from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import SettingError

if TYPE_CHECKING:
    from chalicelib.cli.client.protocol import PoolArguments, Shown, TriggerArguments

_PREFIX = "/api/experimental"
_SECONDS = 30.0
"""API Gateway answers within 29 seconds or not at all."""

_ADVICE = {
    False: "put user:password@ into [cli] endpoint_url, or the host into .netrc",
    True: "the server does not accept your ticket, or is not under kerberos_auth",
}
"""What to do about refused credentials, by whether they were Kerberos's."""


class ApiRefused(UpdraftError):
    """The API answered with an error, or nothing did; the text says which."""

    code = "api_refused"


class _NoRedirects(HTTPRedirectHandler):
    """Airflow 2's client follows none; credentials then go to no other host."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""


class JsonClient:
    """Implements ``Client`` over HTTP.

    ``endpoint_url`` may carry a path (a stage: ``https://….amazonaws.com/api``). With ``kerberos`` each
    request carries a ticket; without, basic auth comes from the URL's ``user:password@``, else from the
    user's netrc. All as with Airflow's own clients. Raises ``SettingError`` for what is no URL.
    """

    def __init__(self, endpoint_url: str, *, kerberos: bool = False) -> None:
        try:
            parts = urlsplit(endpoint_url)
        except ValueError as error:
            raise _no_endpoint() from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _no_endpoint()
        self._base = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        )
        self._negotiates_with = parts.hostname if kerberos else None
        self._basic = None if kerberos else _basic(parts.username, parts.password, parts.hostname)
        self._opener = build_opener(_NoRedirects())

    def trigger_dag(self, wanted: "TriggerArguments") -> "Shown":
        """See ``Client``."""
        date = wanted.execution_date
        body = {
            "run_id": wanted.run_id,
            "conf": wanted.conf,
            "execution_date": date.isoformat() if date else None,
            "replace_microseconds": "true" if wanted.replace_microseconds else "false",
        }
        answer = self._ask("POST", f"/dags/{_quoted(wanted.dag_id)}/dag_runs", body)
        return {
            "dag_id": wanted.dag_id,
            "dag_run_id": answer["run_id"],
            "logical_date": answer["execution_date"],
            "message": answer["message"],
        }

    def delete_dag(self, dag_id: str) -> str:
        """See ``Client``."""
        message: str = self._ask("DELETE", f"/dags/{_quoted(dag_id)}/delete_dag")["message"]
        return message

    def get_pool(self, name: str) -> "Shown":
        """See ``Client``."""
        return _pool(self._ask("GET", f"/pools/{_quoted(name)}"))

    def get_pools(self) -> "list[Shown]":
        """See ``Client``."""
        return sorted(map(_pool, self._ask("GET", "/pools")), key=lambda pool: str(pool["pool"]))

    def create_pool(self, wanted: "PoolArguments") -> "Shown":
        """See ``Client``."""
        body = {
            "name": wanted.name,
            "slots": wanted.slots,
            "description": wanted.description,
            "include_deferred": wanted.include_deferred,
        }
        return _pool(self._ask("POST", "/pools", body))

    def delete_pool(self, name: str) -> "Shown":
        """See ``Client``."""
        return _pool(self._ask("DELETE", f"/pools/{_quoted(name)}"))

    def ask_without_credentials(self) -> tuple[int, str, bool]:
        """Status and ``WWW-Authenticate`` of the answer, and whether it is JSON as of this API.

        Raises ``ApiRefused`` where nothing answers.
        """
        try:
            with self._opener.open(self._request("GET", "/test", None), timeout=_SECONDS) as response:
                return response.status, "", _is_of_the_api(response.read())
        except HTTPError as error:
            with error:
                return error.code, error.headers["WWW-Authenticate"] or "", _is_of_the_api(error.read())
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ApiRefused(f"{self._base} does not answer: {reason}") from error

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The parsed answer; raises ``ApiRefused`` and ``NegotiationFailed``."""
        negotiation = Negotiation(self._negotiates_with) if self._negotiates_with else None
        request = self._request(method, path, body)
        if authorization := negotiation.authorization if negotiation else self._basic:
            request.add_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                if negotiation:
                    negotiation.check(response.headers["WWW-Authenticate"])
                return json.loads(response.read())
        except HTTPError as error:
            with error:
                text = _reason(error.code, error.read(), advice=_ADVICE[negotiation is not None])
            raise ApiRefused(f"{self._base}: {text}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ApiRefused(
                f"{self._base} did not answer as the API does ({reason}): look at [cli] endpoint_url"
            ) from error

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Request:
        return Request(  # noqa: S310 - the scheme was checked
            f"{self._base}{_PREFIX}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            method=method,
        )


def _is_of_the_api(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and not {"status", "error"}.isdisjoint(document)


def _no_endpoint() -> SettingError:
    """Without the value: it may hold a password."""
    return SettingError("[cli] endpoint_url is no URL that begins with http://HOST or https://HOST")


def _basic(username: str | None, password: str | None, host: str) -> str | None:
    login = (unquote(username), unquote(password or "")) if username else _of_netrc(host)
    return f"Basic {base64.b64encode(':'.join(login).encode()).decode()}" if login else None


def _of_netrc(host: str) -> tuple[str, str] | None:
    """What curl and requests would send to that host."""
    try:
        found = netrc.netrc(os.environ.get("NETRC")).authenticators(host)
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError) as error:
        raise SettingError(f"The netrc file cannot be read: {error}") from error
    return (found[0], found[2] or "") if found else None


def _reason(status: int, body: bytes, *, advice: str) -> str:
    """The error's own text, by Airflow's rule; with what to do where credentials were refused."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    text = document.get("error") if isinstance(document, dict) else None
    if status in (401, 403):
        return f"{text or 'Unauthorized'}: {advice}"
    return str(text) if text else f"Server error ({status})"


def _pool(document: Mapping[str, Any]) -> "Shown":
    return {name: document.get(name) for name in ("pool", "slots", "description", "include_deferred")}


def _quoted(name: str) -> str:
    return quote(name, safe="")
