"""The client's side of HTTP's ``Negotiate`` (RFC 4559), with the tickets that ``kinit`` got.

By the system's own Kerberos library, through its GSS-API (RFC 2744), as curl does: it knows every kind of
ticket cache, ``krb5.conf`` and how a KDC is found. It is there where ``kinit`` is, so nothing is installed
for it; Python's packages for it are made of C and come without wheels for Linux.
"""

import base64
import ctypes
import ctypes.util
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache

from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import SettingError

SERVICES = ("airflow", "HTTP")
"""For what a ticket is asked, first come first: Airflow's own clients ask for ``airflow/HOST``."""

_SPNEGO = bytes.fromhex("2b0601050502")
"""1.3.6.1.5.5.2: what a browser's token says, too."""

_HOST_BASED_SERVICE = bytes.fromhex("2a864886f71201020104")
"""1.2.840.113554.1.2.1.4; the libraries' own constant for it is a macro in some of them."""

_MUTUAL_FLAG = 2
_ERRORS = 0xFFFF0000
_CONTINUE_NEEDED = 1
_STATUS_KINDS = (1, 2)
"""Of the GSS-API and of the mechanism; its constants are the same in all implementations."""


class NegotiationFailed(UpdraftError):
    """There is no ticket for the server, or the server did not prove itself; the text says which."""

    code = "negotiation_failed"


class _Buffer(ctypes.Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))

    @classmethod
    def of(cls, content: bytes) -> "_Buffer":
        """A buffer over these bytes, which ctypes keeps alive with it."""
        return cls(len(content), ctypes.cast(c_char_p(content), c_void_p))


class _Oid(ctypes.Structure):
    _fields_ = (("length", c_uint32), ("elements", c_void_p))

    @classmethod
    def of(cls, encoded: bytes) -> "_Oid":
        """An identifier of these bytes, which ctypes keeps alive with it."""
        return cls(len(encoded), ctypes.cast(c_char_p(encoded), c_void_p))


class Negotiation:
    """One request's proof of who sends it, for a host; the next request needs another.

    What the library keeps for it (some kB) is kept until the process, which is one command, ends.

    Raises ``NegotiationFailed`` when no ticket can be had, ``SettingError`` without the library.
    """

    def __init__(self, host: str) -> None:
        self._context = c_void_p()
        self._mechanism = _Oid.of(_SPNEGO)
        self._target, self._token = self._begin(host)

    @property
    def authorization(self) -> str:
        """The request's ``Authorization``."""
        return f"Negotiate {base64.b64encode(self._token).decode()}"

    def check(self, answer: str | None) -> None:
        """Look at the ``WWW-Authenticate`` of the answer; raises ``NegotiationFailed``.

        Without one there is no proof of the server but HTTPS: API Gateway lets none through.
        """
        word, _, reply = (answer or "").partition(" ")
        if word.lower() != "negotiate" or not reply:
            return
        try:
            proof = base64.b64decode(reply, validate=True)
        except ValueError:
            raise NegotiationFailed("The server's proof of itself is no base64") from None
        major, _ = self._step(self._target, proof)
        if major & _CONTINUE_NEEDED:
            raise NegotiationFailed("The server's proof of itself is not complete")

    def _begin(self, host: str) -> tuple[c_void_p, bytes]:
        """The name of the service that there is a ticket for, and the token for it."""
        failure: Exception | None = None
        for service in SERVICES:
            try:
                target = _service_name(f"{service}@{host}")
                return target, self._step(target, b"")[1]
            except NegotiationFailed as error:
                failure = error
                self._context = c_void_p()
        raise NegotiationFailed(
            f"There is no ticket for {host} ({failure}): call kinit, or look at the host name"
        )

    def _step(self, target: c_void_p, received: bytes) -> tuple[int, bytes]:
        """The library's status and the token to send; raises ``NegotiationFailed``."""
        library, minor, produced = _library(), c_uint32(), _Buffer()
        major = library.gss_init_sec_context(
            byref(minor),
            None,
            byref(self._context),
            target,
            byref(self._mechanism),
            _MUTUAL_FLAG,
            0,
            None,
            byref(_Buffer.of(received)),
            None,
            byref(produced),
            None,
            None,
        )
        token = _taken(produced)
        if major & _ERRORS:
            raise NegotiationFailed(f"Kerberos: {_explained(major, minor.value)}")
        return major, token


def _service_name(name: str) -> c_void_p:
    library, minor, found = _library(), c_uint32(), c_void_p()
    kind = _Oid.of(_HOST_BASED_SERVICE)
    major = library.gss_import_name(byref(minor), byref(_Buffer.of(name.encode())), byref(kind), byref(found))
    if major & _ERRORS:
        raise NegotiationFailed(f"Kerberos: {_explained(major, minor.value)}")
    return found


def _explained(major: int, minor: int) -> str:
    """What the library says of a failure, the mechanism's words last: they tell what to do."""
    texts = []
    for status, kind in zip((major, minor), _STATUS_KINDS, strict=True):
        text = _Buffer()
        _library().gss_display_status(byref(c_uint32()), status, kind, None, byref(c_uint32()), byref(text))
        texts.append(_taken(text).decode(errors="replace").rstrip("\0"))
    return ": ".join(text for text in texts if text)


def _taken(buffer: _Buffer) -> bytes:
    """The content of a buffer of the library's, which is released."""
    content = ctypes.string_at(buffer.value, buffer.length) if buffer.value else b""
    _library().gss_release_buffer(byref(c_uint32()), byref(buffer))
    return content


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("gssapi_krb5")
    if name is None:
        raise SettingError(
            "kerberos_auth needs the system's Kerberos library, which comes with kinit "
            "(Debian: krb5-user, Fedora: krb5-workstation)"
        )
    library = ctypes.CDLL(name)
    status, buffer, handle = POINTER(c_uint32), POINTER(_Buffer), POINTER(c_void_p)
    signatures = {
        "gss_import_name": (status, buffer, POINTER(_Oid), handle),
        "gss_init_sec_context": (
            *(status, c_void_p, handle, c_void_p, POINTER(_Oid), c_uint32, c_uint32, c_void_p),
            *(buffer, POINTER(c_void_p), buffer, status, status),
        ),
        "gss_display_status": (status, c_uint32, c_int, c_void_p, status, buffer),
        "gss_release_buffer": (status, buffer),
    }
    for function, arguments in signatures.items():
        declared = getattr(library, function)
        declared.argtypes, declared.restype = arguments, c_uint32
    return library
