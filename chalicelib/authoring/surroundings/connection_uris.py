"""URIs of connections: Airflow's rules of reading and writing them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from chalicelib.authoring.exceptions import AirflowException

_EXTRA = "__extra__"
"""In a query: the whole extra, where it is no flat object of texts."""


def normalized_type(conn_type: str) -> str:
    """The type of a connection as hooks name it: ``postgres``, and no hyphens."""
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def fields_of_uri(uri: str) -> dict[str, Any]:
    """The fields of a URI, such as ``http://https%3A%2F%2Fhost`` or ``type://protocol://host``.

    Raises ``AirflowException`` for what is none, whose text does not show it, and ``ValueError`` for a port
    that is no number.
    """
    parts, protocol = _parts(uri)
    host = _host(parts)
    path = parts.path[1:]
    return {
        "conn_type": normalized_type(urlsplit(uri).scheme),
        "host": f"{protocol}://{host}" if protocol and host else host,
        "schema": unquote(path),
        "login": _unquoted(parts.username),
        "password": _unquoted(parts.password),
        "port": parts.port,
        "extra": _extra(parts.query),
    }


def uri_of_fields(fields: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    """The URI that gives those fields again; ``extra`` is ``fields["extra"]`` parsed."""
    conn_type, schema = fields["conn_type"], fields["schema"]
    scheme = f"{conn_type.lower().replace('_', '-')}:" if conn_type else ""
    host = fields["host"] or ""
    protocol, separator, host = host.partition("://") if "://" in host else ("", "", host)
    who = _authority(fields["login"], fields["password"])
    where = quote(host, safe="")
    if fields["port"]:
        where += f":{fields['port']}" if where or who else f"@:{fields['port']}"
    path = f"/{quote(schema, safe='')}" if schema else ""
    query = _query(fields["extra"], extra)
    return f"{scheme}//{protocol}{separator}{who}{where}{path}{_before_query(path, query)}{query}"


def _parts(uri: str) -> tuple[SplitResult, str]:
    """The parts of what follows the type, and the protocol that may stand before the host."""
    separators = uri.count("://")
    if separators > 2:
        raise AirflowException("Invalid connection string: it has more than two of '://'")
    scheme = urlsplit(uri).scheme
    if separators < 2:
        return urlsplit(uri.replace(f"{scheme}://", "//")), ""
    rest = uri.replace(f"{scheme}://", "")
    protocol = rest.split("://", 1)[0]
    if "@" in protocol or ":" in protocol:
        raise AirflowException("Invalid connection string: login and port belong behind the protocol")
    parts = urlsplit(rest)
    return parts, parts.scheme


def _host(parts: SplitResult) -> str:
    """As it is written if it is a quoted path, else in small letters (Python's rule for hosts)."""
    host = unquote(parts.hostname or "")
    if "/" in host:
        host = unquote(parts.netloc.rpartition("@")[2].split(":", 1)[0])
    return host


def _unquoted(text: str | None) -> str | None:
    return unquote(text) if text else text


def _extra(query: str) -> str | None:
    if not query:
        return None
    found = dict(parse_qsl(query, keep_blank_values=True))
    return found[_EXTRA] if _EXTRA in found else json.dumps(found)


def _authority(login: str | None, password: str | None) -> str:
    who = "" if login is None else quote(login, safe="")
    if password is not None:
        who += f":{quote(password, safe='')}"
    return f"{who}@" if who else ""


def _query(extra: str | None, parsed: Any) -> str:
    """The extra as a query, flat if that gives it again."""
    if not extra:
        return ""
    try:
        flat = urlencode(parsed)
    except TypeError:
        flat = ""
    if flat and parsed == dict(parse_qsl(flat, keep_blank_values=True)):
        return flat
    return urlencode({_EXTRA: extra})


def _before_query(path: str, query: str) -> str:
    if not query:
        return ""
    return "?" if path else "/?"
