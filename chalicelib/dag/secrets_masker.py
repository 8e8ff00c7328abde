"""Secrets that must not be readable in logs: values of variables whose names say that they are secret."""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"

SHORTEST_MASKED = 5
"""Characters: shorter texts are in too many words to be taken out of logs (Airflow 3's rule)."""

_SENSITIVE_NAMES = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "keyfile_dict",
        "passphrase",
        "passwd",
        "password",
        "private_key",
        "secret",
        "service_account",
        "token",
    }
)
"""Parts of names, as in Airflow; ``[core] sensitive_var_conn_names`` adds to them."""

_formatter = logging.Formatter()


class _Secrets:
    """The secrets that this process has met, and the pattern that finds them.

    They are kept until the process ends: a DAG file that is loaded once may log its secrets in any try.
    """

    def __init__(self) -> None:
        self._texts: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def add(self, text: str) -> None:
        """Find that text, too."""
        if text in self._texts or len(text) < SHORTEST_MASKED:
            return
        self._texts |= {text}
        longest_first = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def masked(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(MASK, text) if self._pattern else text


_secrets = _Secrets()


def mask_secret(secret: Any, name: str | None = None) -> None:
    """From now on hide a secret in the logs of this process.

    With a name, only if the name says that it is one. Of lists each text; of a dict those whose own names
    say so, or all if its name does.
    """
    if isinstance(secret, Mapping):
        for key, value in secret.items():
            mask_secret(value, name if name and _is_sensitive(name) else str(key))
    elif isinstance(secret, str):
        if name is None or _is_sensitive(name):
            _secrets.add(secret)
    elif isinstance(secret, Iterable):
        for value in secret:
            mask_secret(value, name)


def redact(text: str) -> str:
    """The text with ``***`` in place of each secret."""
    return _secrets.masked(text)


class SecretsMasker(logging.Filter):
    """Hides the secrets in the records that a handler takes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record where it shows a secret; no record is dropped."""
        if not _secrets:
            return True
        try:
            message = record.getMessage()
        except Exception:  # a bad log call: the handler, which formats the record next, reports it
            return True
        if (masked := redact(message)) != message:
            record.msg, record.args = masked, None
        if record.exc_info:
            text = _formatter.formatException(record.exc_info)
            if (masked := redact(text)) != text:
                record.exc_info, record.exc_text = None, masked
        return True


def _is_sensitive(name: str) -> bool:
    added = os.environ.get("AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES", "").lower().split(",")
    parts = {*_SENSITIVE_NAMES, *(part.strip() for part in added if part.strip())}
    return any(part in name.lower() for part in parts)
