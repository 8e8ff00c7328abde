"""User names and passwords: who gets in, what it costs, what it gives away."""

import base64
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from chalicelib.auth.password import PasswordVerifier
from chalicelib.auth.passwords import decoy, hash_password, matches
from chalicelib.auth.users import FAILURES_ALLOWED, WINDOW, User
from chalicelib.auth.verdicts import Caller, Refused, Verdict
from chalicelib.store.memory import MemoryStore

CHEAP = 4
START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Desk:
    """A verifier over users in memory, a clock that is set, and a count of password checks."""

    def __init__(self, *, cost: int = CHEAP) -> None:
        self.users = MemoryStore().users
        self.now = START
        self.checks = 0
        self.cost = cost
        self.verify = self.another()

    def another(self) -> PasswordVerifier:
        """Another instance of the authorizer, over the same users."""
        return PasswordVerifier(
            users=self.users, cost=self.cost, seconds_remembered=60, now=lambda: self.now, check=self._check
        )

    def enrol(self, username: str, password: str) -> None:
        kept = hash_password(password, self.cost)
        user = User(username=username, password_hash=kept, created_at=START, password_set_at=START)
        assert self.users.create(user)

    def ask(self, username: str, password: str, encoding: str = "utf-8") -> Verdict:
        return self.verify(basic(f"{username}:{password}".encode(encoding)))

    def _check(self, password: str, kept: str) -> bool:
        self.checks += 1
        return matches(password, kept)


def basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.enrol("ada", "lovelace")
    return desk


def test_the_right_password_lets_in(desk: Desk) -> None:
    assert desk.ask("ada", "lovelace") == Caller(principal="ada")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("colons", "a:b::c:"),
        ("long", "x" * 1000),
        ("long-and-not-ascii", "ü" * 1000),
        ("ümläut", "pässwörd"),
        ("日本", "パスワード"),
        ("spaced out", " leading and trailing "),
        ("quote'\"\\", "'\"\\"),
        ("emoji", "\N{PILE OF POO}"),
    ],
)
def test_odd_names_and_passwords_are_names_and_passwords(desk: Desk, username: str, password: str) -> None:
    desk.enrol(username, password)
    assert desk.ask(username, password) == Caller(principal=username)
    assert isinstance(desk.ask(username, password + "x"), Refused)


def test_latin_1_is_understood_as_pythons_requests_sends_it(desk: Desk) -> None:
    desk.enrol("zoë", "pässwörd")
    assert desk.ask("zoë", "pässwörd", encoding="latin-1") == Caller(principal="zoë")


def test_letters_may_be_composed_either_way(desk: Desk) -> None:
    desk.enrol("zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "s")
    assert desk.ask("zoe\N{COMBINING DIAERESIS}", "s") == Caller(principal="zoë")


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_the_scheme_is_read_in_any_case(desk: Desk, scheme: str) -> None:
    header = basic(b"ada:lovelace").replace("Basic", scheme)
    assert desk.verify(header) == Caller(principal="ada")


UNREADABLE = [
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic YWRhOmxvdmVsYWNl!",
    "Basic YWRhOmxvdmVsYWN",  # its padding is cut off
    "Basic ünïcödé",
    basic(b"ada"),
    basic(b":lovelace"),
    basic(b"ada:"),
    basic(b":"),
    basic(b"ada:" + b"x" * 2000),
    "Bearer YWRhOmxvdmVsYWNl",
    "Negotiate YWRhOmxvdmVsYWNl",
    "YWRhOmxvdmVsYWNl",
    "Basic\tYWRhOmxvdmVsYWNl",
    "x" * 100_000,
    basic(b"x" * 100_000),
    "\N{NULL}",
    "\ud800",
]


@pytest.mark.parametrize("header", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_holds_no_credentials_is_refused_without_looking_anybody_up(desk: Desk, header: str) -> None:
    verdict = desk.verify(header)
    assert verdict == Refused(reason="the header holds no user name and password")
    assert desk.checks == 0


@pytest.mark.parametrize("username", ["ADA", "ada ", "", "ad", "ada\N{NULL}", "x" * 5000, "\N{NULL}", "*"])
def test_nobody_else_gets_in_with_somebodys_password(desk: Desk, username: str) -> None:
    assert isinstance(desk.ask(username, "lovelace"), Refused)


def test_a_refusal_tells_the_log_who_and_why_and_no_secret(desk: Desk) -> None:
    assert desk.ask("ada", "swordfish") == Refused(reason="wrong password", claimed="ada")
    assert desk.ask("eve", "swordfish") == Refused(reason="unknown user", claimed="eve")


def test_a_warm_authorizer_does_not_check_the_same_password_again(desk: Desk) -> None:
    for _ in range(5):
        assert isinstance(desk.ask("ada", "lovelace"), Caller)
    assert desk.checks == 1


def test_wrong_passwords_are_checked_each_time(desk: Desk) -> None:
    for _ in range(3):
        assert isinstance(desk.ask("ada", "wrong"), Refused)
    assert desk.checks == 3


def test_what_is_remembered_of_one_user_lets_no_other_in(desk: Desk) -> None:
    desk.enrol("bob", "builder")
    desk.ask("ada", "lovelace")
    assert isinstance(desk.ask("bob", "lovelace"), Refused)
    assert isinstance(desk.ask("ada", "builder"), Refused)
    assert desk.ask("bob", "builder") == Caller(principal="bob")
    assert desk.ask("ada", "lovelace") == Caller(principal="ada")


@pytest.mark.parametrize(
    "change",
    [
        lambda users: users.delete("ada"),
        lambda users: users.set_password("ada", hash_password("byron", CHEAP), START),
    ],
    ids=["deleted", "changed"],
)
def test_a_deleted_user_or_an_old_password_is_refused_after_a_minute_at_the_latest(
    desk: Desk, change: Callable[[object], object]
) -> None:
    desk.ask("ada", "lovelace")
    change(desk.users)
    assert isinstance(desk.another()(basic(b"ada:lovelace")), Refused)  # at once where nothing is remembered
    for seconds in (20, 40, 59):  # each request is within the time, and prolongs nothing
        desk.now = START + seconds * SECOND
        assert isinstance(desk.ask("ada", "lovelace"), Caller)
    desk.now = START + 60 * SECOND
    assert isinstance(desk.ask("ada", "lovelace"), Refused)


def test_a_new_password_is_accepted_at_once(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    desk.users.set_password("ada", hash_password("byron", CHEAP), START)
    assert desk.ask("ada", "byron") == Caller(principal="ada")


def test_an_unknown_user_costs_a_check_of_the_same_cost_as_a_wrong_password(desk: Desk) -> None:
    costs: list[str] = []

    def check(_password: str, kept: str) -> bool:
        costs.append(kept[:7])
        return False

    verify = PasswordVerifier(
        users=desk.users, cost=CHEAP, seconds_remembered=60, now=lambda: START, check=check
    )
    for username in (b"ada", b"eve", b"x" * 1000):
        verify(basic(username + b":wrong"))
    assert costs == ["$2b$04$"] * 3


def test_the_clock_does_not_tell_who_is_a_user() -> None:
    """With real bcrypt: the medians of interleaved tries differ by far less than what a check takes."""
    desk = Desk(cost=8)
    desk.enrol("ada", "lovelace")
    names, moments = count(), {"known": [], "unknown": []}
    for _ in range(20):
        desk.now += WINDOW  # so that no try is one too many
        for kind, username in (("known", "ada"), ("unknown", f"eve{next(names)}")):
            started = time.thread_time()
            assert isinstance(desk.ask(username, "wrong"), Refused)
            moments[kind].append(time.thread_time() - started)
    known, unknown = (statistics.median(moments[kind]) for kind in ("known", "unknown"))
    assert abs(known - unknown) < 0.3 * max(known, unknown)


def test_after_some_failed_tries_no_more_are_looked_at_for_a_while(desk: Desk) -> None:
    for _ in range(FAILURES_ALLOWED):
        assert desk.ask("ada", "wrong") == Refused(reason="wrong password", claimed="ada")
    checks = desk.checks
    too_many = Refused(reason="too many failed tries", claimed="ada")
    assert desk.ask("ada", "wrong") == too_many
    assert desk.ask("ada", "lovelace") == too_many
    assert desk.another()(basic(b"ada:lovelace")) == too_many  # all instances count together
    assert desk.checks == checks
    desk.now += WINDOW
    assert desk.ask("ada", "lovelace") == Caller(principal="ada")


def test_names_that_nobody_has_are_limited_alike(desk: Desk) -> None:
    for _ in range(FAILURES_ALLOWED):
        assert desk.ask("eve", "wrong") == Refused(reason="unknown user", claimed="eve")
    assert desk.ask("eve", "wrong") == Refused(reason="too many failed tries", claimed="eve")


def test_one_name_being_guessed_at_is_nobody_elses_trouble(desk: Desk) -> None:
    desk.enrol("bob", "builder")
    desk.ask("ada", "lovelace")
    for _ in range(FAILURES_ALLOWED + 1):
        desk.ask("ada", "wrong")
    assert desk.ask("bob", "builder") == Caller(principal="bob")
    assert desk.ask("ada", "lovelace") == Caller(principal="ada")  # proven a moment ago


def test_right_passwords_never_count_as_failed(desk: Desk) -> None:
    for _ in range(FAILURES_ALLOWED * 3):
        assert isinstance(desk.another()(basic(b"ada:lovelace")), Caller)


def test_a_decoy_is_made_without_hashing() -> None:
    started = time.thread_time()
    decoy(15)
    assert time.thread_time() - started < 0.1
