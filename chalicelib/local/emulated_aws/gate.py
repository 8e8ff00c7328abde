"""The gate of the embedded AWS: requests without a valid signature, or of a browser's page, stay out."""

import hashlib
import json
from xml.sax.saxutils import escape

from chalicelib.local.emulated_aws import AsgiApp, Message, Receive, Scope, Send
from chalicelib.local.emulated_aws.signatures import Claim, Refused, Verifier, matches

_LARGEST_JSON_BODY = 16 * 2**20
"""Bytes that DynamoDB takes in one request; SQS takes less. S3's are checked once the rest is trusted."""

_JSON_CODES = {
    "InvalidAccessKeyId": "UnrecognizedClientException",
    "RequestTimeTooSkewed": "InvalidSignatureException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


class Gate:
    """Lets signed requests through to ``app``, with their whole body, and answers others with 403.

    Nothing that leaves tells a browser that another page may read it: ministack's CORS headers are cut.
    """

    def __init__(self, app: AsgiApp, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._verified_body(scope, receive)
        except Refused as refused:
            await _answer(scope, send, refused)
            return
        await self._app(scope, _giving(body), _without_cors(send))

    async def _verified_body(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request that may pass; raises ``Refused``."""
        path, query, headers = scope["raw_path"], scope["query_string"], scope["headers"]
        claim = self._verifier.claim(path, headers)
        if claim.payload_hash is not None:
            self._verifier.verify(claim, scope["method"], path, query, headers, claim.payload_hash)
        body = await _read(receive, claim)
        if claim.payload_hash is None:
            payload_hash = hashlib.sha256(body).hexdigest()
            self._verifier.verify(claim, scope["method"], path, query, headers, payload_hash)
        elif not matches(body, claim.payload_hash):
            raise Refused("SignatureDoesNotMatch", "The body is not the one that was signed.")
        return body


async def _read(receive: Receive, claim: Claim) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("IncompleteBody", "The request ended before its body did.")
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if claim.service != "s3" and size > _LARGEST_JSON_BODY:
            raise Refused("RequestEntityTooLarge", "The request is larger than DynamoDB or SQS take.")
        if not message.get("more_body"):
            return b"".join(parts)


def _giving(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _without_cors(send: Send) -> Send:
    async def cut(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return cut


async def _answer(scope: Scope, send: Send, refused: Refused) -> None:
    """The refusal in the shape that AWS gives it: JSON where an ``X-Amz-Target`` asks for it, else XML."""
    if any(name == b"x-amz-target" for name, _ in scope["headers"]):
        kind = b"application/x-amz-json-1.0"
        code = _JSON_CODES.get(refused.code, "AccessDeniedException")
        body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": str(refused)}).encode()
    else:
        kind = b"application/xml"
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
        ).encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
