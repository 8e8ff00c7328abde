"""AWS's request signatures, version 4, as the embedded AWS checks them.

The rules are those of AWS's "Signature Version 4 signing process", as far as botocore uses them over plain
HTTP: S3's path is signed as it is sent, DynamoDB and SQS have no path but ``/``, and the payload's hash is
always signed. Presigned URLs, unsigned and streamed payloads are refused: nothing here sends them.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

ACCESS_KEY_VARIABLE = "AWS_ACCESS_KEY_ID"
SECRET_KEY_VARIABLE = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable, as AWS's clients read it

_WINDOW = timedelta(minutes=5)
"""How far a request's time may be from ours, as on AWS: an old one that was overheard does not pass."""

_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)"
    r"/(?P<service>dynamodb|sqs|s3)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_TARGETS = {"dynamodb": "DynamoDB", "sqs": "AmazonSQS."}
_HASH = re.compile(r"[0-9a-f]{64}")

Headers = Sequence[tuple[bytes, bytes]]
"""A request's headers as ASGI gives them: names in small letters, in their order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An access key: its id, and the secret that signatures are made with."""

    access_key_id: str
    secret: str = field(repr=False)


class Refused(Exception):
    """A request that is not let in; ``code`` is S3's name for the reason, the text is for its sender."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a request says of itself, before its signature is checked."""

    service: str
    """``dynamodb``, ``sqs`` or ``s3``."""
    region: str
    day: str
    """``YYYYMMDD``, part of what the signing key is derived from."""
    date: str
    """The moment of the signature, ``YYYYMMDDTHHMMSSZ``."""
    signed_headers: tuple[str, ...]
    signature: str
    payload_hash: str | None
    """The SHA-256 of the body in hex, if a header gives it, as with S3; else that of the body counts."""


class Verifier:
    """Checks requests against one key. ``hosts`` are the values of ``Host`` that it answers to."""

    def __init__(self, key: Key, hosts: frozenset[str], now: Callable[[], datetime]) -> None:
        self._key = key
        self._hosts = hosts
        self._now = now

    def claim(self, path: bytes, headers: Headers) -> Claim:
        """What a request claims; raises ``Refused`` for all that can be seen without its body."""
        if _only(headers, b"host") not in self._hosts:
            raise Refused("AccessDenied", "The Host header does not name this server.")
        match = _AUTHORIZATION.fullmatch(_only(headers, b"authorization") or "")
        if match is None:
            raise Refused("AccessDenied", "The request has no AWS signature (version 4) in its headers.")
        if not hmac.compare_digest(match["key"].encode(), self._key.access_key_id.encode()):
            raise Refused("InvalidAccessKeyId", "The access key is not that of the running server.")
        date = self._date(headers, match["day"])
        claim = Claim(
            service=match["service"],
            region=match["region"],
            day=match["day"],
            date=date,
            signed_headers=_signed_headers(headers, match["headers"]),
            signature=match["signature"],
            payload_hash=_payload_hash(headers),
        )
        _check_service(claim, path, _only(headers, b"x-amz-target") or "")
        return claim

    def verify(
        self, claim: Claim, method: str, path: bytes, query: bytes, headers: Headers, payload_hash: str
    ) -> None:
        """Check the signature; raises ``Refused``. ``path`` and ``query`` are as they were sent."""
        canonical = "\n".join(
            (
                method,
                path.decode("latin-1"),
                _canonical_query(query.decode("latin-1")),
                *(f"{name}:{_canonical_value(headers, name)}" for name in claim.signed_headers),
                "",
                ";".join(claim.signed_headers),
                payload_hash,
            )
        )
        scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{claim.date}\n{scope}\n{digest}"
        signing_key = _signing_key(self._key.secret, claim.day, claim.region, claim.service)
        expected = hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, claim.signature):
            raise Refused("SignatureDoesNotMatch", "The signature does not fit the request.")

    def _date(self, headers: Headers, day: str) -> str:
        date = _only(headers, b"x-amz-date") or ""
        try:
            moment = _moment(date)
        except ValueError:
            raise Refused("AccessDenied", "The X-Amz-Date header is missing or no date.") from None
        if abs(self._now() - moment) > _WINDOW:
            raise Refused("RequestTimeTooSkewed", "The request was not signed within the last five minutes.")
        if not date.startswith(day):
            raise Refused("AccessDenied", "The day of the credential is not that of the signature.")
        return date


def matches(body: bytes, payload_hash: str) -> bool:
    """Whether a body is the one whose hash was signed."""
    return hmac.compare_digest(hashlib.sha256(body).hexdigest(), payload_hash)


def _check_service(claim: Claim, path: bytes, target: str) -> None:
    """The request is one that the service takes which it was signed for."""
    if claim.service == "s3":
        if claim.payload_hash is None or target:
            raise Refused("AccessDenied", "A request to S3 has X-Amz-Content-SHA256 and no X-Amz-Target.")
    elif path != b"/" or not target.startswith(_TARGETS[claim.service]):
        raise Refused("AccessDenied", "DynamoDB and SQS take AWS's JSON protocol only.")


def _only(headers: Headers, name: bytes) -> str | None:
    """A header's value; None if there is none, or several: which one counts must not be a question."""
    values = [value for found, value in headers if found.lower() == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _signed_headers(headers: Headers, listed: str) -> tuple[str, ...]:
    """The signed headers in order; the host and all of AWS's own must be among them, as AWS demands."""
    names = tuple(listed.split(";"))
    present = {name.lower().decode("latin-1") for name, _ in headers}
    demanded = {"host"} | {name for name in present if name.startswith("x-amz-")}
    if list(names) != sorted(set(names)) or not demanded <= set(names) <= present:
        raise Refused("AccessDenied", "There are headers that must be signed and are not, or not in order.")
    return names


def _payload_hash(headers: Headers) -> str | None:
    if not any(name.lower() == b"x-amz-content-sha256" for name, _ in headers):
        return None
    given = _only(headers, b"x-amz-content-sha256") or ""
    if not _HASH.fullmatch(given):
        raise Refused("AccessDenied", "The payload has to be signed as a whole (X-Amz-Content-SHA256).")
    return given


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted((name, value) for name, _, value in (part.partition("=") for part in query.split("&")))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _canonical_value(headers: Headers, name: str) -> str:
    raw = name.encode("latin-1")
    values = (value.decode("latin-1") for found, value in headers if found.lower() == raw)
    return ",".join(" ".join(value.split()) for value in values)


@lru_cache(maxsize=16)  # many requests are of one second, and to parse it takes long
def _moment(date: str) -> datetime:
    return datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=UTC)


@lru_cache(maxsize=16)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
