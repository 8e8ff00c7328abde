"""``ServiceKey``: the service's keys, read from a keytab (MIT's file format, version 2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from minikerberos.common.keytab import KeytabEntry
from minikerberos.protocol.encryption import Enctype, Key

from chalicelib.settings import SettingError

AES = frozenset({Enctype.AES128, Enctype.AES256})
"""The encryption types that are accepted (RFC 3962); DES, 3DES and RC4 can be broken."""

SERVICES = ("airflow", "HTTP")
"""The services a ticket may be for: Airflow's own name, and the one that curl and browsers ask for."""

_VERSION_2 = b"\x05\x02"
_SIZE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceKey:
    """A key of ``airflow/HOST@REALM`` or the like."""

    name: tuple[str, ...]
    """The components of the principal, such as ``airflow`` and the host."""
    realm: str
    version: int
    """The version of the key, of which the lowest 8 bits count."""
    etype: int
    """The encryption type (RFC 3962)."""
    contents: bytes = field(repr=False)
    """The key itself: secret."""

    @property
    def key(self) -> Key:
        """The key as minikerberos takes it."""
        return Key(self.etype, self.contents)


def service_keys(keytab: bytes) -> tuple[ServiceKey, ...]:
    """The AES keys of the services; raises ``SettingError`` when there are none."""
    try:
        entries = [KeytabEntry.from_bytes(record) for record in _records(keytab)]
        keys = [_service_key(entry) for entry in entries if entry.enctype in AES]
    except (ValueError, IndexError):  # what it holds is secret, so the cause is not shown
        raise SettingError("AIRFLOW__KERBEROS__KEYTAB is no keytab that can be read") from None
    served = tuple(key for key in keys if len(key.name) > 1 and key.name[0] in SERVICES)
    if not served:
        raise SettingError(
            "AIRFLOW__KERBEROS__KEYTAB holds no AES key (aes128-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96) "
            f"for {' or '.join(f'{service}/<host>' for service in SERVICES)}"
        )
    return served


def _records(keytab: bytes) -> Iterator[bytes]:
    """The entries; a negative size is a hole that a removed one has left."""
    if not keytab.startswith(_VERSION_2):
        raise ValueError("no keytab")
    position = len(_VERSION_2)
    while size := int.from_bytes(keytab[position : position + _SIZE], signed=True):
        position += _SIZE
        if size > 0:
            if position + size > len(keytab):
                raise ValueError("cut off")
            yield keytab[position : position + size]
        position += abs(size)


def _service_key(entry: KeytabEntry) -> ServiceKey:
    key = ServiceKey(
        name=tuple(part.to_string() for part in entry.principal.components),
        realm=entry.principal.realm.to_string(),
        version=entry.key_version,
        etype=entry.enctype,
        contents=entry.key_contents,
    )
    Key(key.etype, key.contents)  # raises ValueError for one of a wrong length
    return key
