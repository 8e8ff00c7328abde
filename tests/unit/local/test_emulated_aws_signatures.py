"""What the gate of the embedded AWS lets in, against botocore's own signer."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.emulated_aws.gate import Gate
from chalicelib.local.emulated_aws.signatures import Key, Verifier

KEY = Key(access_key_id="LOCAL0123456789ABCDEF", secret="of this start only")
HOST = "127.0.0.1:4566"
JSON = "application/x-amz-json-1.0"

Sent = dict[str, Any]
"""A request as it goes over the wire: method, raw_path, query_string, headers, body."""


def sign(
    method: str,
    path: str,
    *,
    service: str = "s3",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    key: Key = KEY,
    region: str = "us-east-1",
) -> Sent:
    """A request that botocore signed."""
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(key.access_key_id, key.secret), service, region).add_auth(request)
    return wire(request)


def wire(request: AWSRequest) -> Sent:
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {"host": parts.netloc, **{name.lower(): value for name, value in prepared.headers.items()}}
    return {
        "method": prepared.method,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [
            (name.encode(), value if isinstance(value, bytes) else str(value).encode("latin-1"))
            for name, value in headers.items()
        ],
        "body": prepared.body or b"",
    }


def scan() -> Sent:
    target = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": JSON}
    body = json.dumps({"TableName": "updraft-local-users"}).encode()
    return sign("POST", "/", service="dynamodb", headers=target, body=body)


def put() -> Sent:
    return sign("PUT", "/bucket/key", headers={"X-Amz-Meta-By": "me"}, body=b"content")


def pass_gate(sent: Sent, now: datetime | None = None) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Status, body and headers of the answer. What passes is answered with 200 and the body it came with."""

    async def ministack(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        cors = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-expose-headers", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-was", b"there"), *cors]})
        await send({"type": "http.response.body", "body": body})

    chunks = [sent["body"][:3], sent["body"][3:]]
    answer: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        answer.append(message)

    verifier = Verifier(KEY, frozenset({HOST}), lambda: now or datetime.now(UTC))
    scope = {"type": "http", **{name: value for name, value in sent.items() if name != "body"}}
    asyncio.run(Gate(ministack, verifier)(scope, receive, send))
    return answer[0]["status"], answer[1]["body"], answer[0]["headers"]


def with_header(sent: Sent, name: str, value: str | None) -> Sent:
    """The request with another value of a header, or without it."""
    kept = [pair for pair in sent["headers"] if pair[0] != name.encode()]
    return {**sent, "headers": kept if value is None else [*kept, (name.encode(), value.encode())]}


# what S3's keys and metadata may be, as botocore sends them
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
METADATA = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
PARAMETERS = st.dictionaries(KEYS, KEYS, max_size=4)


@given(key=KEYS, metadata=METADATA, parameters=PARAMETERS, body=st.binary(max_size=40))
def test_what_botocore_signs_passes_whatever_the_key_is(
    key: str, metadata: str, parameters: dict[str, str], body: bytes
) -> None:
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in parameters.items()
    )
    headers = {"X-Amz-Meta-Note": metadata, "Content-Type": "text/plain;  charset=utf-8"}
    sent = sign("PUT", "/bucket/" + quote(key, safe="/~"), query=query, headers=headers, body=body)
    assert pass_gate(sent)[:2] == (200, body)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(
            ("/bucket", "list-type=2&prefix=a%2Fb&delimiter=%2F"),
            ("/bucket", "policy"),
            ("/bucket", "tagging="),
        ),
        *(
            ("/", ""),
            ("/bucket/", "b=2&a=1&a=0"),
            ("/bucket/a//b/../c/./d", ""),
            ("/bucket/%E2%82%AC~%2B+", ""),
        ),
        *(("/bucket/a", "x-id=PutObject"), ("/bucket/k%25", "versionId=null&uploadId=a%3D%3D")),
    ],
)
def test_paths_and_queries_of_s3_count_as_they_are_sent(path: str, query: str) -> None:
    assert pass_gate(sign("GET", path, query=query))[0] == 200


@given(body=st.binary(max_size=60), region=st.sampled_from(["us-east-1", "eu-west-2"]))
def test_json_requests_pass_whose_body_has_no_hash_in_a_header(body: bytes, region: str) -> None:
    for service, target in (("dynamodb", "DynamoDB_20120810.PutItem"), ("sqs", "AmazonSQS.SendMessage")):
        headers = {"X-Amz-Target": target, "Content-Type": JSON}
        sent = sign("POST", "/", service=service, headers=headers, body=body, region=region)
        assert b"x-amz-content-sha256" not in dict(sent["headers"])
        assert pass_gate(sent)[:2] == (200, body)


def test_nothing_tells_a_browser_that_a_page_may_read_an_answer() -> None:
    _, _, headers = pass_gate(scan())
    assert headers == [(b"x-was", b"there")]


def without_signature(sent: Sent) -> Sent:
    return with_header(sent, "authorization", None)


def of_another_key(sent: Sent) -> Sent:
    return sign("PUT", "/bucket/key", key=Key(access_key_id="local", secret="local"))


def of_another_secret(sent: Sent) -> Sent:
    return sign("PUT", "/bucket/key", key=Key(access_key_id=KEY.access_key_id, secret="guessed"))


def with_another_body(sent: Sent) -> Sent:
    return {**sent, "body": sent["body"].replace(b"e", b"f")}


def with_another_method(sent: Sent) -> Sent:
    return {**sent, "method": "DELETE"}


def with_another_path(sent: Sent) -> Sent:
    return {**sent, "raw_path": sent["raw_path"] + b"x"}


def with_a_query(sent: Sent) -> Sent:
    return {**sent, "query_string": b"acl="}


def with_a_header_of_awss_own(sent: Sent) -> Sent:
    return with_header(sent, "x-amz-acl", "public-read")


def with_another_target(sent: Sent) -> Sent:
    return with_header(sent, "x-amz-target", "DynamoDB_20120810.PutItem")


def with_another_host(sent: Sent) -> Sent:
    return with_header(sent, "host", "attacker.example:4566")


def without_a_host(sent: Sent) -> Sent:
    return with_header(sent, "host", None)


def with_two_hosts(sent: Sent) -> Sent:
    return {**sent, "headers": [*sent["headers"], (b"host", HOST.encode())]}


def with_two_signatures(sent: Sent) -> Sent:
    own = dict(sent["headers"])[b"authorization"]
    return {**sent, "headers": [*sent["headers"], (b"authorization", own)]}


def with_another_date(sent: Sent) -> Sent:
    return with_header(
        sent, "x-amz-date", (datetime.now(UTC) + timedelta(seconds=9)).strftime("%Y%m%dT%H%M%SZ")
    )


def without_a_date(sent: Sent) -> Sent:
    return with_header(sent, "x-amz-date", None)


def as_a_preflight(sent: Sent) -> Sent:
    asks = {"host": HOST, "origin": "https://attacker.example", "access-control-request-method": "POST"}
    headers = [(name.encode(), value.encode()) for name, value in asks.items()]
    return {"method": "OPTIONS", "raw_path": b"/", "query_string": b"", "headers": headers, "body": b""}


def from_a_page(sent: Sent) -> Sent:
    return with_header(without_signature(sent), "origin", "https://attacker.example")


def basic(sent: Sent) -> Sent:
    return with_header(sent, "authorization", "Basic bG9jYWw6bG9jYWw=")


def presigned(sent: Sent) -> Sent:
    request = AWSRequest(method="GET", url=f"http://{HOST}/bucket/key")
    S3SigV4QueryAuth(Credentials(KEY.access_key_id, KEY.secret), "s3", "us-east-1").add_auth(request)
    return wire(request)


def without_a_signed_payload(sent: Sent) -> Sent:
    request = AWSRequest(method="PUT", url=f"http://{HOST}/bucket/key", data=b"content")

    class Unsigned(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
        def payload(self, request: Any) -> str:
            return "UNSIGNED-PAYLOAD"

    Unsigned(Credentials(KEY.access_key_id, KEY.secret), "s3", "us-east-1").add_auth(request)
    return wire(request)


def for_another_service(sent: Sent) -> Sent:
    return sign("POST", "/", service="iam", headers={"X-Amz-Target": "DynamoDB_20120810.Scan"})


def for_s3_with_a_target(sent: Sent) -> Sent:
    return sign("POST", "/", headers={"X-Amz-Target": "DynamoDB_20120810.Scan"}, body=sent["body"])


def in_the_query_protocol(sent: Sent) -> Sent:
    return sign("POST", "/", service="sqs", body=b"Action=ListQueues")


@pytest.mark.parametrize("ask", [scan, put])
@pytest.mark.parametrize(
    "change",
    [
        *(without_signature, of_another_key, of_another_secret, with_another_body, with_another_method),
        *(with_another_path, with_a_query, with_a_header_of_awss_own, with_another_target, with_another_host),
        *(without_a_host, with_two_hosts, with_two_signatures, with_another_date, without_a_date),
        *(as_a_preflight, from_a_page, basic, presigned, without_a_signed_payload, for_another_service),
        *(for_s3_with_a_target, in_the_query_protocol),
    ],
)
def test_everything_else_is_refused_before_ministack_sees_it(
    ask: Callable[[], Sent], change: Callable[[Sent], Sent]
) -> None:
    status, _, headers = pass_gate(change(ask()))
    assert status == 403
    assert (b"x-was", b"there") not in headers
    assert not [name for name, _ in headers if name.lower().startswith(b"access-control")]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_request_that_was_overheard_does_not_pass(minutes: int) -> None:
    status, body, _ = pass_gate(put(), now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert status == 403
    assert b"<Code>RequestTimeTooSkewed</Code>" in body


@given(st.data())
def test_no_other_signature_of_the_right_length_passes(data: st.DataObject) -> None:
    sent = put()
    authorization = dict(sent["headers"])[b"authorization"].decode()
    at = data.draw(st.integers(len(authorization) - 64, len(authorization) - 1))
    digit = data.draw(st.sampled_from("0123456789abcdef"))
    changed = authorization[:at] + digit + authorization[at + 1 :]
    assert pass_gate(with_header(sent, "authorization", changed))[0] == (
        200 if changed == authorization else 403
    )


def test_refusals_have_awss_shape() -> None:
    _, body, _ = pass_gate(of_another_secret(put()))
    assert b"<Error><Code>SignatureDoesNotMatch</Code><Message>" in body
    _, body, _ = pass_gate(with_header(scan(), "authorization", "nonsense"))
    assert json.loads(body)["__type"] == "com.amazon.coral.service#AccessDeniedException"
    _, body, _ = pass_gate(with_another_body(scan()))
    assert json.loads(body)["__type"] == "com.amazon.coral.service#InvalidSignatureException"


def test_the_secret_is_not_shown_with_the_key() -> None:
    assert KEY.secret not in repr(KEY)
