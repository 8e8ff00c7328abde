"""A ticket without a KDC: whoever knows a service's key can make one (RFC 4120, section 5)."""

import base64
import os
from datetime import UTC, datetime, timedelta

from minikerberos.protocol.asn1_structs import AP_REQ, Authenticator, EncTicketPart
from minikerberos.protocol.encryption import Enctype, Key, encrypt

REALM = "EXAMPLE.COM"
SERVICE = ("HTTP", "api.example.com")
_CLIENT = {"name-type": 1, "name-string": ["ada"]}
_KEY_VERSION = 1
_OF_TICKET, _OF_AUTHENTICATOR = 2, 11
"""Key usages (RFC 4120, section 7.5.1)."""


def keytab(key: bytes) -> bytes:
    """A keytab in MIT's format, version 2, with the service's one AES-256 key."""
    entry = _counted(len(SERVICE)) + _text(REALM) + b"".join(map(_text, SERVICE))
    entry += (1).to_bytes(4, "big") + (0).to_bytes(4, "big") + _KEY_VERSION.to_bytes(1, "big")
    entry += _counted(Enctype.AES256) + _counted(len(key)) + key
    return b"\x05\x02" + len(entry).to_bytes(4, "big") + entry


def authorization(key: bytes) -> str:
    """An ``Authorization`` header by which ada proves herself to the service of that key, now."""
    now = datetime.now(UTC).replace(microsecond=0)
    session = Key(Enctype.AES256, os.urandom(32))
    ticket = EncTicketPart(
        {
            "flags": set(),
            "key": {"keytype": session.enctype, "keyvalue": session.contents},
            "crealm": REALM,
            "cname": _CLIENT,
            "transited": {"tr-type": 0, "contents": b""},
            "authtime": now,
            "endtime": now + timedelta(hours=1),
        }
    )
    authenticator = Authenticator(
        {"authenticator-vno": 5, "crealm": REALM, "cname": _CLIENT, "cusec": 0, "ctime": now}
    )
    request = AP_REQ(
        {
            "pvno": 5,
            "msg-type": 14,
            "ap-options": set(),
            "ticket": {
                "tkt-vno": 5,
                "realm": REALM,
                "sname": {"name-type": 2, "name-string": list(SERVICE)},
                "enc-part": _sealed(Key(Enctype.AES256, key), _OF_TICKET, ticket.dump()),
            },
            "authenticator": _sealed(session, _OF_AUTHENTICATOR, authenticator.dump()),
        }
    )
    return f"Negotiate {base64.b64encode(request.dump()).decode()}"


def _sealed(key: Key, usage: int, plain: bytes) -> dict[str, object]:
    return {"etype": key.enctype, "kvno": _KEY_VERSION, "cipher": encrypt(key, usage, plain)}


def _text(text: str) -> bytes:
    return _counted(len(text)) + text.encode()


def _counted(number: int) -> bytes:
    return number.to_bytes(2, "big")
