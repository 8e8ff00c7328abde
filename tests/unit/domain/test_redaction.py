"""Secrets, and what looks like credentials, are taken out of texts, however they are written there."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.redaction import Redactor

KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("{'Authorization': 'Basic YWRhOmxvdmU='}", "{'Authorization': 'Basic ***'}"),
        ('{"authorization": "Negotiate YII/abc+=="}', '{"authorization": "Negotiate ***"}'),
        ("> Authorization: Bearer a.b-c_d", "> Authorization: Bearer ***"),
        ("Authorization: Basic YQ==", "Authorization: Basic ***"),
        ("Authorization: token ghp_0123456789", "Authorization: token ***"),
        ("Proxy-Authorization: ghp_0123456789", "Proxy-Authorization: ***"),
        ("b'Authorization: Basic YWRhOmxvdmU=\\r\\nHost: x'", "b'Authorization: Basic ***\\r\\nHost: x'"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=0123abcd",
            "Authorization: AWS4-HMAC-SHA256 Credential=***",
        ),
        ("X-Amz-Security-Token: IQoJb3JpZ2luX2VjE", "X-Amz-Security-Token: ***"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature=01ab&a=b",
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=***&X-Amz-Signature=***&a=b",
        ),
        ("GET https://ada:swordfish@example.com/a?b=c", "GET https://ada:***@example.com/a?b=c"),
        ("postgresql+psycopg2://leo:p%40ss@host/db", "postgresql+psycopg2://leo:***@host/db"),
        ("redis://:swordfish@host:6379/0", "redis://:***@host:6379/0"),
    ],
)
def test_credentials_are_hidden_wherever_they_are(text: str, redacted: str) -> None:
    assert Redactor().redacted(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/a@b and Basic auth stay",
        "authorization: none",
        "the time is 12:30, see https://example.com:8080/x",
        "ada@example.com",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert Redactor(["a secret"]).redacted(text) == text


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        repr(KEY),
        json.dumps({"key": KEY}),
        f"line {KEY.splitlines()[1]} alone",
        f"first {KEY.splitlines()[2]}",
        json.dumps(json.dumps({"key": KEY})),
    ],
)
def test_a_secret_of_several_lines_is_found_as_a_whole_and_line_by_line(written: str) -> None:
    redacted = Redactor([KEY]).redacted(written)
    assert [line for line in KEY.split() if len(line) > 10 and line in redacted] == []


@given(secret=st.text(st.characters(codec="utf-8"), min_size=5))
def test_a_secret_is_found_in_the_ways_of_writing_it(secret: str) -> None:
    if len(secret.strip()) < 5 or len(secret.splitlines()) > 1:
        return
    for written in (secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert Redactor([secret]).redacted(f"({written})").strip("()\"'") == "***"
    assert quote(secret, safe="") not in Redactor([secret]).redacted(f"?a={quote(secret, safe='')}&b=c")


def test_what_is_too_short_to_be_told_from_words_stays() -> None:
    assert Redactor(["four"]).redacted("four words in a line") == "four words in a line"


def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    assert Redactor(["gamma", "gamma-rays"]).redacted("gamma-rays and gamma") == "*** and ***"


SECRETS = st.lists(st.text("abc", min_size=5, max_size=12), min_size=1, max_size=3)


@given(secrets=SECRETS, data=st.data())
def test_a_text_that_comes_in_parts_is_redacted_as_if_it_came_at_once(
    secrets: list[str], data: st.DataObject
) -> None:
    header = "Authorization: Bearer abcdefghijkl "
    pieces = st.one_of(st.sampled_from([*secrets, header, "-", " "]), st.text("abc ", max_size=6000))
    text = "".join(data.draw(st.lists(pieces, max_size=12)))
    redactor = Redactor(secrets)
    rest, parts = text, []
    while len(rest) > 5000:
        end = redactor.end_of_complete(rest[:5000])
        if end == 0:
            break
        parts.append(redactor.redacted(rest[:end]))
        rest = rest[end:]
    assert "".join([*parts, redactor.redacted(rest)]) == redactor.redacted(text)
