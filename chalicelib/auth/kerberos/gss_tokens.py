"""The wrapping of an AP-REQ in a GSS token, and of the AP-REP that answers it.

RFC 2743 (section 3.1, the frame), RFC 4121 (Kerberos in it), RFC 4178 (SPNEGO around that).
"""

from dataclasses import dataclass
from typing import ClassVar

from asn1crypto import core, parser

from chalicelib.auth.kerberos.errors import AnotherLegWanted, NotAccepted

KERBEROS = "1.2.840.113554.1.2.2"
_KERBEROS_OF_WINDOWS = "1.2.840.48018.1.2.2"  # a slip of 1999 that clients still offer (MS-SPNG 1.9)
_SPNEGO = "1.3.6.1.5.5.2"

_AP_REQ = b"\x01\x00"
_AP_REP = b"\x02\x00"

_APPLICATION, _CONSTRUCTED = 1, 1
_FRAME = 0x60
_BARE_AP_REQ = 0x6E


class _MechTypes(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = core.ObjectIdentifier


class _NegTokenInit(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields: ClassVar = [
        ("mechTypes", _MechTypes, {"explicit": 0}),
        ("reqFlags", core.BitString, {"explicit": 1, "optional": True}),
        ("mechToken", core.OctetString, {"explicit": 2, "optional": True}),
        ("mechListMIC", core.OctetString, {"explicit": 3, "optional": True}),
    ]


class _NegState(core.Enumerated):  # type: ignore[misc]  # asn1crypto has no types
    _map: ClassVar = {0: "accept-completed", 1: "accept-incomplete", 2: "reject", 3: "request-mic"}


class _NegTokenResp(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields: ClassVar = [
        ("negState", _NegState, {"explicit": 0, "optional": True}),
        ("supportedMech", core.ObjectIdentifier, {"explicit": 1, "optional": True}),
        ("responseToken", core.OctetString, {"explicit": 2, "optional": True}),
        ("mechListMIC", core.OctetString, {"explicit": 3, "optional": True}),
    ]


class _NegotiationToken(core.Choice):  # type: ignore[misc]  # asn1crypto has no types
    _alternatives: ClassVar = [
        ("negTokenInit", _NegTokenInit, {"explicit": 0}),
        ("negTokenResp", _NegTokenResp, {"explicit": 1}),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """An AP-REQ without its wrapping."""

    ap_req: bytes
    """The message, as DER."""
    mechanism: str | None = None
    """The mechanism under which SPNEGO carried it; None without SPNEGO."""
    is_bare: bool = False
    """Whether it had no frame at all, which MIT's acceptor takes, too."""


def opened(token: bytes) -> Opened:
    """Take the AP-REQ out of a client's first token; raises ``NotAccepted`` or what asn1crypto raises."""
    if token[:1] == bytes([_BARE_AP_REQ]):
        return Opened(ap_req=token, is_bare=True)
    mechanism, inner = _unframed(token)
    if mechanism != _SPNEGO:
        return Opened(ap_req=_ap_req(mechanism, inner))
    negotiation = _NegotiationToken.load(inner, strict=True)
    if negotiation.name != "negTokenInit":
        raise NotAccepted("a later token of a negotiation that was not begun here")
    chosen, carried = _carried(negotiation.chosen)
    return Opened(ap_req=_ap_req(*_unframed(carried)), mechanism=chosen)


def wrapped(ap_rep: bytes, asked: Opened) -> bytes:
    """The token that brings an AP-REP to the client, wrapped as it had asked."""
    if asked.is_bare:
        return ap_rep
    framed = _framed(KERBEROS, _AP_REP + ap_rep)
    if asked.mechanism is None:
        return framed
    return _completed(asked.mechanism, framed)


def completed(asked: Opened) -> bytes | None:
    """The token that ends a negotiation whose client did not ask the server to prove itself."""
    return None if asked.mechanism is None else _completed(asked.mechanism, None)


def _completed(mechanism: str, response: bytes | None) -> bytes:
    fields: dict[str, str | bytes] = {"negState": "accept-completed", "supportedMech": mechanism}
    if response is not None:
        fields["responseToken"] = response
    token: bytes = _NegotiationToken("negTokenResp", _NegTokenResp(fields)).dump()
    return token


def _carried(negotiation: _NegTokenInit) -> tuple[str, bytes]:
    """The mechanism that the client prefers, which has to be Kerberos, and its token."""
    offered = [mechanism.dotted for mechanism in negotiation["mechTypes"]]
    known = [mechanism for mechanism in offered if mechanism in (KERBEROS, _KERBEROS_OF_WINDOWS)]
    if not known:
        raise NotAccepted("the client does not offer Kerberos")
    carried: bytes | None = negotiation["mechToken"].native
    if offered[0] != known[0] or carried is None:
        raise AnotherLegWanted("the client offers Kerberos, but has not begun with it")
    return known[0], carried


def _ap_req(mechanism: str, inner: bytes) -> bytes:
    if mechanism not in (KERBEROS, _KERBEROS_OF_WINDOWS):
        raise NotAccepted("the token is of another mechanism")
    if not inner.startswith(_AP_REQ):
        raise NotAccepted("the token is no AP-REQ")
    return inner[len(_AP_REQ) :]


def _unframed(token: bytes) -> tuple[str, bytes]:
    """Mechanism and inner token of a framed one."""
    if token[:1] != bytes([_FRAME]):
        raise NotAccepted("the token has no GSS frame")
    content = parser.parse(token, strict=True)[4]
    end = parser.peek(content)
    return core.ObjectIdentifier.load(content[:end], strict=True).dotted, content[end:]


def _framed(mechanism: str, inner: bytes) -> bytes:
    content: bytes = core.ObjectIdentifier(mechanism).dump() + inner
    framed: bytes = parser.emit(_APPLICATION, _CONSTRUCTED, 0, content)
    return framed
