"""``KerberosVerifier``, which verifies ``Authorization: Negotiate TOKEN``."""

import base64
import binascii
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.auth.kerberos import gss_tokens
from chalicelib.auth.kerberos.ap_req import ProvenClient, verify
from chalicelib.auth.kerberos.errors import AnotherLegWanted, NotAccepted
from chalicelib.auth.kerberos.keytabs import ServiceKey, service_keys
from chalicelib.auth.ports import Replays
from chalicelib.auth.verdicts import LONGEST_HEADER, Caller, Refused, Verdict

KEYTAB_KEPT_FOR = timedelta(minutes=5)
"""The time after which a keytab is read again: a service's key changes while its functions live."""


class KerberosVerifier:
    """Checks tickets; safe to share among threads.

    ``read_keytab`` gives a keytab's bytes and may raise ``SettingError``; ``now`` is the aware time.
    """

    def __init__(
        self, *, read_keytab: Callable[[], bytes], replays: Replays, now: Callable[[], datetime]
    ) -> None:
        self._read_keytab = read_keytab
        self._replays = replays
        self._now = now
        self._keys: tuple[datetime, tuple[ServiceKey, ...]] | None = None

    def __call__(self, authorization: str) -> Verdict:
        """Judge a header; 1 request for a valid token, and none for any other."""
        keys = self._service_keys()
        try:
            opened, client = _proven(authorization, keys, self._now())
        except NotAccepted as refused:
            return Refused(reason=str(refused), wants_another_leg=isinstance(refused, AnotherLegWanted))
        if not self._is_first(client):
            return Refused(reason="the token was used before", claimed=client.principal)
        reply = gss_tokens.wrapped(client.ap_rep, opened) if client.ap_rep else gss_tokens.completed(opened)
        return Caller(
            principal=client.principal, reply=base64.b64encode(reply).decode() if reply is not None else None
        )

    def _is_first(self, client: ProvenClient) -> bool:
        # Another instance's clock may be behind: a second skew keeps what it would still accept.
        until = client.stale_at + timedelta(minutes=1)
        return self._replays.claim(client.authenticator, uuid.uuid4().hex, self._now(), until)

    def _service_keys(self) -> tuple[ServiceKey, ...]:
        now = self._now()
        if self._keys is None or now >= self._keys[0]:
            self._keys = (now + KEYTAB_KEPT_FOR, service_keys(self._read_keytab()))
        return self._keys[1]


def _proven(
    authorization: str, keys: tuple[ServiceKey, ...], now: datetime
) -> tuple[gss_tokens.Opened, ProvenClient]:
    token = _token(authorization)
    try:
        opened = gss_tokens.opened(token)
        return opened, verify(opened.ap_req, keys, now)
    except NotAccepted:
        raise
    except Exception as error:
        # What the ASN.1 and cryptography libraries raise for hostile bytes is of many kinds, and never
        # more than: this is no token. Its text may hold what was decrypted, so it is not passed on.
        raise NotAccepted(f"the token cannot be read ({type(error).__name__})") from None


def _token(authorization: str) -> bytes:
    """The token of a header; as in Airflow the word before it does not matter."""
    if len(authorization) > LONGEST_HEADER:
        raise NotAccepted("the header is longer than API Gateway lets through")
    _, _, encoded = authorization.strip().partition(" ")
    try:
        token = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise NotAccepted("the header holds no token") from None
    if not token:
        raise NotAccepted("the header holds no token")
    return token
