"""Whom the local server lets in: names, origins, sites and bodies, each kind of client a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.admission import NAMES_OF_THIS_MACHINE, Refused, refusal
from chalicelib.local.gateway import HttpRequest

HERE = "127.0.0.1:8000"
TRIGGER = "/api/experimental/dags/example_hello/dag_runs"
UNPAUSE = "/api/experimental/dags/example_hello/paused/false"
CHROMIUM = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
POWERSHELL = "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.19045; en-US) PowerShell/7.4.6"


def request(method: str = "GET", target: str = UNPAUSE, body: bytes = b"", **headers: str) -> HttpRequest:
    named = {"Host": HERE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HttpRequest(method=method, target=target, headers=tuple(named.items()), body=body)


def status(asked: HttpRequest, *names: str) -> int | None:
    refused = refusal(asked, NAMES_OF_THIS_MACHINE | frozenset(names))
    return refused.status if refused else None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        HERE,
        "localhost",
        "localhost:8000",
        "LocalHost:8000",
        "[::1]:8000",
        "[::1]",
        "localhost:9000",
    ],
)
def test_the_names_of_this_machine_are_let_in_with_any_port(host: str) -> None:
    assert status(request(Host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8000",
        "evil.example:8000:127.0.0.1",
        "127.0.0.1:8000@evil.example",
        "evil.example/127.0.0.1",
        "127.0.0.2",
        "127.1",
        "2130706433",
        ".".join("0000"),
        "[::]",
        "[::ffff:127.0.0.1]",
        "::1",
        "localhost.",
        "localhost:http",
        "localhost ",
        "",
        ":8000",
        "*",
    ],
)
def test_other_names_are_misdirected_and_told_what_to_change(host: str) -> None:
    refused = refusal(request(Host=host), NAMES_OF_THIS_MACHINE)
    assert refused is not None
    assert refused.status == 421
    assert "UPDRAFT__LOCAL__ALLOWED_HOSTS" in refused.reason
    assert "\n" not in refused.reason


def test_a_name_that_is_there_twice_is_decided_on_too() -> None:
    twice = (("Host", HERE), ("Host", "localhost"), ("Origin", f"http://{HERE}"))
    assert status(HttpRequest(method="GET", target=UNPAUSE, headers=twice)) == 403


def test_a_name_in_the_target_alone_is_enough() -> None:
    absolute = f"http://{HERE}{UNPAUSE}"
    assert status(HttpRequest(method="GET", target=absolute)) is None
    origin = (("Origin", "http://evil.example"),)
    assert status(HttpRequest(method="GET", target=absolute, headers=origin)) == 403


def test_without_a_host_nobody_is_let_in() -> None:
    assert status(HttpRequest(method="GET", target=UNPAUSE)) == 421


def test_a_further_name_is_a_setting() -> None:
    assert status(request(Host="dev.example:8000")) == 421
    assert status(request(Host="Dev.Example:8000"), "dev.example") is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"http://{HERE}{UNPAUSE}", None),
        (f"HTTP://LOCALHOST{UNPAUSE}", None),
        (f"http://evil.example{UNPAUSE}", 421),
        (f"http://{HERE}@evil.example{UNPAUSE}", 421),
        (f"http://evil.example?{HERE}", 421),
        ("http://", 421),
        ("http://[::1/api", 421),
        (f"{UNPAUSE}?next=http://evil.example", None),
    ],
)
def test_a_name_in_the_target_counts_too(target: str, expected: int | None) -> None:
    assert status(request(target=target)) == expected


CLIENTS = {
    "curl": request(User_Agent="curl/8.5.0"),
    "curl with a body": request("POST", TRIGGER, b"{}", Content_Type="application/x-www-form-urlencoded"),
    "Airflow's client": request("POST", TRIGGER, b"{}", Content_Type="application/json"),
    "a client that says nothing": request("POST", TRIGGER, b"{}"),
    "PowerShell": request(User_Agent=POWERSHELL),
    "an address typed in": request(Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate", User_Agent=CHROMIUM),
    "a page of its own": request(Sec_Fetch_Site="same-origin", User_Agent=FIREFOX),
    "a page of its own that posts": request(
        "POST",
        TRIGGER,
        b"{}",
        Origin=f"http://{HERE}",
        Sec_Fetch_Site="same-origin",
        Content_Type="application/json; charset=utf-8",
    ),
    "a page of its own at the default port": request(Host="localhost", Origin="http://localhost:80"),
    "a page of its own behind a proxy with HTTPS": request(Host="localhost", Origin="https://localhost"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_what_no_foreign_page_sends_is_let_in(client: str) -> None:
    assert status(CLIENTS[client]) is None


PAGES = {
    "an image": request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image"),
    "a link": request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_User="?1"),
    "a frame": request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe"),
    "another port of this machine": request(Sec_Fetch_Site="same-site", Sec_Fetch_Mode="no-cors"),
    "a word that is not known": request(Sec_Fetch_Site="friendly"),
    "no word": request(Sec_Fetch_Site=""),
    "a form": request("POST", TRIGGER, b"a=b", Origin="http://evil.example"),
    "a form of a sandboxed page": request("POST", TRIGGER, b"a=b", Origin="null"),
    "fetch": request("POST", TRIGGER, b"{}", Origin="http://evil.example", Content_Type="text/plain"),
    "a preflight": request("OPTIONS", TRIGGER, Origin="http://evil.example"),
    "another port": request(Origin="http://127.0.0.1:9000"),
    "another name of this machine": request(Origin="http://localhost:8000"),
    "another scheme": request(Origin=f"chrome-extension://{HERE}"),
    "an origin with more behind it": request(Origin=f"http://{HERE}/"),
    "an origin with more before it": request(Origin=f"http://evil@{HERE}"),
    "an empty origin": request(Origin=""),
    "an old browser": request(User_Agent="Mozilla/5.0 AppleWebKit/605.1 (KHTML, like Gecko) Safari/605.1"),
    "a browser at a name that it does not trust": request(Host="dev.example", User_Agent=FIREFOX),
    "a page that says that it is its own": request(
        Sec_Fetch_Site="same-origin", Origin="http://evil.example"
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_foreign_page_sends_is_forbidden(page: str) -> None:
    refused = refusal(PAGES[page], NAMES_OF_THIS_MACHINE | {"dev.example"})
    assert refused is not None
    assert refused.status == 403
    assert "curl" in refused.reason


@pytest.mark.parametrize("name", ["Host", "Origin", "Sec-Fetch-Site"])
def test_a_header_that_is_there_twice_does_not_hide_the_wrong_one(name: str) -> None:
    right = {"Host": HERE, "Origin": f"http://{HERE}", "Sec-Fetch-Site": "none"}
    wrong = {"Host": "evil.example", "Origin": "null", "Sec-Fetch-Site": "cross-site"}
    for headers in ((right, wrong), (wrong, right)):
        twice = tuple((name, values[name]) for values in headers)
        rest = () if name == "Host" else (("Host", HERE),)
        assert status(HttpRequest(method="GET", target=UNPAUSE, headers=rest + twice))


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "", "text/json"],
)
def test_a_browsers_body_is_json_and_says_so(content_type: str) -> None:
    for evidence in ({"Origin": f"http://{HERE}"}, {"Sec_Fetch_Site": "none"}):
        assert status(request("POST", TRIGGER, b"{}", Content_Type=content_type, **evidence)) == 415
        assert status(request("POST", TRIGGER, b"{}", **evidence)) == 415


known = [HERE, f"http://{HERE}", "localhost", "http://localhost/x", "none", "null", CHROMIUM, "evil.example"]
text = st.sampled_from(known) | st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=30)
headers = st.lists(st.tuples(st.sampled_from(["Host", "Origin", "Sec-Fetch-Site", "User-Agent"]), text))


@given(headers=headers, target=text, body=st.binary(max_size=3))
def test_any_request_has_a_decision(headers: list[tuple[str, str]], target: str, body: bytes) -> None:
    asked = HttpRequest(method="GET", target=target, headers=tuple(headers), body=body)
    assert isinstance(refusal(asked, NAMES_OF_THIS_MACHINE), Refused | None)
