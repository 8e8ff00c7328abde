"""The verification of an AP-REQ, which proves a client by a ticket (RFC 4120, section 3.2.3)."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from minikerberos.protocol.asn1_structs import AP_REP, AP_REQ, Authenticator, EncAPRepPart, EncTicketPart
from minikerberos.protocol.encryption import InvalidChecksum, Key, decrypt, encrypt

from chalicelib.auth.kerberos.errors import NotAccepted
from chalicelib.auth.kerberos.keytabs import AES, SERVICES, ServiceKey

CLOCK_SKEW = timedelta(minutes=5)
"""The most by which a client's clock may be off: MIT's and Active Directory's default."""

_VERSION = 5
_IS_AP_REQ, _IS_AP_REP = 14, 15
_OF_TICKET, _OF_AUTHENTICATOR, _OF_REPLY = 2, 11, 12
"""Key usages (RFC 4120, section 7.5.1)."""

_ESCAPED = str.maketrans(
    {"\\": "\\\\", "/": "\\/", "@": "\\@", "\n": "\\n", "\t": "\\t", "\b": "\\b", "\0": "\\0"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenClient:
    """A client that holds the ticket's key, now."""

    principal: str
    """Its name, ``name/instance@REALM``."""
    authenticator: str
    """The digest of the encrypted authenticator, no bit of which can be changed. It must not come again."""
    stale_at: datetime
    """The time from which the authenticator is too old to be accepted."""
    ap_rep: bytes | None = field(repr=False)
    """The message that proves the server; None if the client did not ask for it."""


def verify(der: bytes, keys: Iterable[ServiceKey], now: datetime) -> ProvenClient:
    """Verify an AP-REQ with the keys of the service; raises ``NotAccepted``.

    Errors of minikerberos, for bytes that no client sends, are raised as they are.
    """
    request = AP_REQ.load(der, strict=True).native
    _check_header(request)
    ticket = _ticket(request["ticket"], keys)
    _check_ticket(ticket, request["ticket"]["realm"], now)
    session_key = _session_key(ticket["key"])
    sealed = request["authenticator"]
    if sealed["etype"] != session_key.enctype:
        raise NotAccepted("the authenticator is not encrypted with the key of the ticket")
    opened = _decrypted(session_key, _OF_AUTHENTICATOR, sealed["cipher"], "authenticator")
    authenticator = Authenticator.load(opened, strict=True).native
    _check_authenticator(authenticator, ticket, now)
    return ProvenClient(
        principal=_principal(ticket["cname"]["name-string"], ticket["crealm"]),
        authenticator=hashlib.sha256(sealed["cipher"]).hexdigest(),
        stale_at=_moment(authenticator) + CLOCK_SKEW,
        ap_rep=_ap_rep(authenticator, session_key) if "mutual-required" in request["ap-options"] else None,
    )


def _check_header(request: dict[str, Any]) -> None:
    if (request["pvno"], request["msg-type"]) != (_VERSION, _IS_AP_REQ):
        raise NotAccepted("the message is no AP-REQ of Kerberos 5")
    if "use-session-key" in request["ap-options"]:
        raise NotAccepted("a ticket from user to user")


def _ticket(sealed: dict[str, Any], keys: Iterable[ServiceKey]) -> dict[str, Any]:
    """The ticket's encrypted part, opened with the key that it names."""
    part = sealed["enc-part"]
    name = tuple(sealed["sname"]["name-string"])
    if name[0] not in SERVICES:
        raise NotAccepted(f"the ticket is for another service: {'/'.join(name)}")
    if part["etype"] not in AES:
        raise NotAccepted(f"the ticket is encrypted with type {part['etype']}, which is not AES")
    fitting = [
        key for key in keys if (key.name, key.realm, key.etype) == (name, sealed["realm"], part["etype"])
    ]
    if not fitting:
        raise NotAccepted(
            f"the keytab has no key of {'/'.join(name)}@{sealed['realm']}, type {part['etype']}"
        )
    opened = _opened_with_one(fitting, part["kvno"], part["cipher"])
    ticket: dict[str, Any] = EncTicketPart.load(opened, strict=True).native
    return ticket


def _opened_with_one(keys: Sequence[ServiceKey], version: int | None, cipher: bytes) -> bytes:
    # A keytab may have 8 bits of a version of 32, so that several keys may bear one number.
    named = [key for key in keys if version is None or key.version == version & 0xFF]
    if not named:
        raise NotAccepted(f"the keytab has no version {version} of the key")
    for key in named[:-1]:
        try:
            return decrypt(key.key, _OF_TICKET, cipher)  # type: ignore[no-any-return]  # it has no types
        except InvalidChecksum:
            continue
    return _decrypted(named[-1].key, _OF_TICKET, cipher, "ticket")


def _decrypted(key: Key, usage: int, cipher: bytes, what: str) -> bytes:
    try:
        return decrypt(key, usage, cipher)  # type: ignore[no-any-return]  # it has no types
    except InvalidChecksum:
        raise NotAccepted(f"the {what} was changed, or encrypted with another key") from None


def _check_ticket(ticket: dict[str, Any], realm: str, now: datetime) -> None:
    starts = ticket["starttime"] or ticket["authtime"]
    if starts - CLOCK_SKEW > now:
        raise NotAccepted("the ticket is not valid yet")
    if ticket["endtime"] + CLOCK_SKEW < now:
        raise NotAccepted("the ticket has expired")
    if "invalid" in ticket["flags"]:
        raise NotAccepted("the ticket is marked invalid")
    if ticket["crealm"] != realm and "transited-policy-checked" not in ticket["flags"]:
        raise NotAccepted("the way from the client's realm was not checked by the KDC")


def _session_key(key: dict[str, Any]) -> Key:
    if key["keytype"] not in AES:
        raise NotAccepted(f"the session key is of type {key['keytype']}, which is not AES")
    return Key(key["keytype"], key["keyvalue"])


def _check_authenticator(authenticator: dict[str, Any], ticket: dict[str, Any], now: datetime) -> None:
    holder = (ticket["cname"]["name-string"], ticket["crealm"])
    if (authenticator["cname"]["name-string"], authenticator["crealm"]) != holder:
        raise NotAccepted("the authenticator is of another client than the ticket")
    if abs(_moment(authenticator) - now) > CLOCK_SKEW:
        raise NotAccepted("the client's clock is off by more than five minutes")


def _moment(authenticator: dict[str, Any]) -> datetime:
    moment: datetime = authenticator["ctime"] + timedelta(microseconds=authenticator["cusec"])
    return moment


def _principal(components: Sequence[str], realm: str) -> str:
    """``name/instance@REALM``, escaped as MIT does, so that no two principals look alike."""
    name = "/".join(component.translate(_ESCAPED) for component in components)
    return f"{name}@{realm.translate(_ESCAPED)}"


def _ap_rep(authenticator: dict[str, Any], session_key: Key) -> bytes:
    """The message that proves the server: the client's time, encrypted with the ticket's key."""
    part = EncAPRepPart({"ctime": authenticator["ctime"], "cusec": authenticator["cusec"]})
    cipher = encrypt(session_key, _OF_REPLY, part.dump())
    reply: bytes = AP_REP(
        {
            "pvno": _VERSION,
            "msg-type": _IS_AP_REP,
            "enc-part": {"etype": session_key.enctype, "cipher": cipher},
        }
    ).dump()
    return reply
