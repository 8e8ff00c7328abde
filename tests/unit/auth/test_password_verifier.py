"""User names and passwords: who gets in, what it costs, what it gives away."""

import base64
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest

from chalicelib.auth.logins import (
    BETWEEN_CHECKS,
    CHECKS_A_DAY,
    CHECKS_A_MINUTE,
    CHECKS_AT_ONCE,
    PROVEN_FOR,
    RENEWED_AFTER,
    Login,
)
from chalicelib.auth.password import PasswordVerifier
from chalicelib.auth.passwords import decoy, hash_password, matches
from chalicelib.auth.ports import Users
from chalicelib.auth.users import User
from chalicelib.auth.verdicts import Caller, Origin, Refused, Throttled, Verdict
from chalicelib.store.memory import MemoryStore

CHEAP = 4
START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Desk:
    """A verifier over users in memory, a clock that is set, and a count of password checks."""

    def __init__(self, *, cost: int = CHEAP) -> None:
        store = MemoryStore()
        self.users = store.users
        self._read_key = store.proof_key.read
        self.now = START
        self.checks = 0
        self.cost = cost
        self.verify = self.another()

    def another(self, users: Users | None = None) -> PasswordVerifier:
        """Another instance of the authorizer, over the same users."""
        return PasswordVerifier(
            users=users or self.users,
            read_key=self._read_key,
            cost=self.cost,
            seconds_remembered=60,
            now=lambda: self.now,
            check=self._check,
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


class InTheMeantime:
    """Users that change after the first login was read."""

    def __init__(self, users: Users, happening: Callable[[], None]) -> None:
        self._users = users
        self._happenings = [happening]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._users, name)

    def for_login(self, username: str) -> tuple[User | None, Login]:
        """See the port."""
        found = self._users.for_login(username)
        while self._happenings:
            self._happenings.pop()()
        return found


def basic(credentials: bytes) -> str:
    return f"Basic {base64.b64encode(credentials).decode()}"


def caller(verdict: Verdict) -> str:
    assert isinstance(verdict, Caller), verdict
    return verdict.principal


def origin(verdict: Verdict) -> Origin | None:
    assert isinstance(verdict, Caller), verdict
    return verdict.origin


def wait(verdict: Verdict) -> int:
    assert isinstance(verdict, Throttled), verdict
    return verdict.wait


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.enrol("ada", "lovelace")
    return desk


def test_the_right_password_lets_in(desk: Desk) -> None:
    assert caller(desk.ask("ada", "lovelace")) == "ada"


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
    assert caller(desk.ask(username, password)) == username
    assert isinstance(desk.ask(username, password + "x"), Refused)


def test_latin_1_is_understood_as_pythons_requests_sends_it(desk: Desk) -> None:
    desk.enrol("zoë", "pässwörd")
    assert caller(desk.ask("zoë", "pässwörd", encoding="latin-1")) == "zoë"


def test_letters_may_be_composed_either_way(desk: Desk) -> None:
    desk.enrol("zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "s")
    assert caller(desk.ask("zoe\N{COMBINING DIAERESIS}", "s")) == "zoë"


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_the_scheme_is_read_in_any_case(desk: Desk, scheme: str) -> None:
    header = basic(b"ada:lovelace").replace("Basic", scheme)
    assert caller(desk.verify(header)) == "ada"


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
    assert caller(desk.ask("bob", "builder")) == "bob"
    assert caller(desk.ask("ada", "lovelace")) == "ada"


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
    assert caller(desk.ask("ada", "byron")) == "ada"


def test_an_unknown_user_costs_a_check_of_the_same_cost_as_a_wrong_password(desk: Desk) -> None:
    costs: list[str] = []

    def check(_password: str, kept: str) -> bool:
        costs.append(kept[:7])
        return False

    verify = PasswordVerifier(
        users=desk.users,
        read_key=lambda: b"k" * 32,
        cost=CHEAP,
        seconds_remembered=60,
        now=lambda: START,
        check=check,
    )
    for username in (b"ada", b"eve", b"x" * 1000):
        verify(basic(username + b":wrong"))
    assert costs == ["$2b$04$"] * 3


def test_the_clock_does_not_tell_who_is_a_user() -> None:
    """With real bcrypt: the medians of interleaved tries differ by far less than what a check takes."""
    desk = Desk(cost=8)
    desk.enrol("ada", "lovelace")
    names = count()
    moments: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(20):
        desk.now += BETWEEN_CHECKS  # so that no try is one too many
        for kind, username in (("known", "ada"), ("unknown", f"eve{next(names)}")):
            started = time.thread_time()
            assert isinstance(desk.ask(username, "wrong"), Refused)
            moments[kind].append(time.thread_time() - started)
    known, unknown = (statistics.median(moments[kind]) for kind in ("known", "unknown"))
    assert abs(known - unknown) < 0.3 * max(known, unknown)


def exhaust(desk: Desk, username: str) -> None:
    """Use up the checks of a name, by wrong tries."""
    for _ in range(CHECKS_AT_ONCE):
        assert isinstance(desk.ask(username, "wrong"), Refused)


@pytest.mark.parametrize("username", ["ada", "eve", "x" * 5000])
def test_a_name_has_so_many_checks_whether_anybody_has_it_or_not(desk: Desk, username: str) -> None:
    exhaust(desk, username)
    checks = desk.checks
    for verify in (desk.verify, desk.another()):  # all instances count together
        for password in ("wrong", "lovelace"):
            verdict = verify(basic(f"{username}:{password}".encode()))
            assert isinstance(verdict, Throttled)
            assert (verdict.wait, verdict.claimed) == (BETWEEN_CHECKS.seconds, username)
    assert desk.checks == checks
    desk.now += 9 * SECOND
    assert wait(desk.ask(username, "wrong")) == 1
    desk.now += SECOND
    assert isinstance(desk.ask(username, "wrong"), Refused)
    assert wait(desk.ask(username, "wrong")) == BETWEEN_CHECKS.seconds


def test_a_password_that_was_not_proven_gets_in_when_its_name_has_a_check_again(desk: Desk) -> None:
    exhaust(desk, "ada")
    assert wait(desk.ask("ada", "lovelace")) == 10
    desk.now += 10 * SECOND
    assert caller(desk.ask("ada", "lovelace")) == "ada"


def test_the_checks_of_a_minute_and_of_a_day_are_those_that_are_stated(desk: Desk) -> None:
    """By who asks four times a second, from a moment of rest on."""
    begun = []
    for step in range(4 * 60 * 10):
        desk.now = START + step * SECOND / 4
        if isinstance(desk.ask("ada", "wrong"), Refused):
            begun.append(desk.now)
    in_a_minute = [sum(0 <= (late - early).total_seconds() < 60 for late in begun) for early in begun]
    assert max(in_a_minute) == CHECKS_A_MINUTE - 1  # the last one is due as the minute ends
    assert len(begun) == CHECKS_AT_ONCE + 59
    assert CHECKS_A_DAY == CHECKS_AT_ONCE + 24 * 60 * 6


def test_proven_credentials_pass_without_a_check_in_any_process_however_many_tries_there_are(
    desk: Desk,
) -> None:
    assert origin(desk.ask("ada", "lovelace")) == Origin(was_checked=True)
    exhaust_what_is_left(desk, "ada")
    checks = desk.checks
    verdict = desk.another()(basic(b"ada:lovelace"))
    assert (caller(verdict), origin(verdict)) == ("ada", Origin(wait=10))
    assert wait(desk.another()(basic(b"ada:wrong"))) == 10
    assert desk.checks == checks


def exhaust_what_is_left(desk: Desk, username: str) -> None:
    while isinstance(desk.ask(username, "wrong"), Refused):
        pass


def test_where_proven_credentials_came_from_is_handed_on(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    desk.users.come_from("ada", "192.0.2.7", desk.now, was_checked=True)
    assert origin(desk.ask("ada", "lovelace")) == Origin()  # remembered from before
    known = Origin(addresses=frozenset({"192.0.2.7"}))
    another = desk.another()
    for _ in range(2):
        assert origin(another(basic(b"ada:lovelace"))) == known


def test_a_process_does_not_remember_what_it_let_in_while_no_check_was_left(desk: Desk) -> None:
    """Or a right guess would be told from a wrong one by its time, again and again."""
    desk.ask("ada", "lovelace")
    exhaust_what_is_left(desk, "ada")
    another = desk.another()
    for _ in range(2):
        assert origin(another(basic(b"ada:lovelace"))) == Origin(wait=10)


def test_a_proof_lasts_a_day_from_its_last_use(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    for _ in range(4):
        desk.now += PROVEN_FOR - SECOND
        assert caller(desk.another()(basic(b"ada:lovelace"))) == "ada"
    assert desk.checks == 1
    desk.now += PROVEN_FOR
    assert origin(desk.another()(basic(b"ada:lovelace"))) == Origin(was_checked=True)
    assert desk.checks == 2


def test_a_proof_that_is_an_hour_old_is_renewed_by_its_use_and_not_before(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    desk.now += RENEWED_AFTER
    desk.another()(basic(b"ada:lovelace"))
    assert proven_at(desk) == START
    desk.now += SECOND
    desk.another()(basic(b"ada:lovelace"))
    assert proven_at(desk) == desk.now


def proven_at(desk: Desk) -> datetime | None:
    _, login = desk.users.for_login("ada")
    return login.proof.proven_at if login.proof else None


def test_a_wrong_try_does_not_prolong_a_proof(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    desk.now += PROVEN_FOR - SECOND
    desk.ask("ada", "wrong")
    desk.now += SECOND
    exhaust_what_is_left(desk, "ada")
    assert wait(desk.another()(basic(b"ada:lovelace"))) == 9


@pytest.mark.parametrize("again", ["lovelace", "byron"])
def test_a_set_password_voids_the_proof_at_once_even_if_it_is_the_same(desk: Desk, again: str) -> None:
    desk.ask("ada", "lovelace")
    desk.users.set_password("ada", hash_password(again, CHEAP), START)
    exhaust_what_is_left(desk, "ada")
    for password in ("lovelace", "byron"):
        assert wait(desk.another()(basic(f"ada:{password}".encode()))) == 10


def test_a_deleted_user_has_no_proof_nor_has_one_who_comes_after(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    desk.users.delete("ada")
    another = desk.another()
    assert another(basic(b"ada:lovelace")) == Refused(reason="unknown user", claimed="ada")
    desk.enrol("ada", "lovelace")
    exhaust_what_is_left(desk, "ada")
    assert wait(another(basic(b"ada:lovelace"))) == 10


def test_a_digest_of_one_stage_proves_nothing_under_the_key_of_another(desk: Desk) -> None:
    desk.ask("ada", "lovelace")
    elsewhere = PasswordVerifier(
        users=desk.users, read_key=lambda: b"k" * 32, cost=CHEAP, seconds_remembered=60, now=lambda: desk.now
    )
    assert origin(elsewhere(basic(b"ada:lovelace"))) == Origin(was_checked=True)


def test_the_key_is_read_again_after_an_hour_so_that_another_one_voids_all_proofs() -> None:
    keys = [b"1" * 32, b"2" * 32]
    desk = Desk()
    desk.enrol("ada", "lovelace")
    verify = PasswordVerifier(
        users=desk.users, read_key=lambda: keys.pop(0), cost=CHEAP, seconds_remembered=0, now=lambda: desk.now
    )
    for seconds, was_checked in ((0, True), (3599, False), (3600, True), (3601, False)):
        desk.now = START + seconds * SECOND
        assert origin(verify(basic(b"ada:lovelace"))) == Origin(was_checked=was_checked)
    assert keys == []


def test_a_proof_made_while_others_use_up_the_checks_is_seen_by_who_is_too_late(desk: Desk) -> None:
    """The refusal of the last check brings what was proven since the login was read."""

    def others() -> None:
        assert caller(desk.ask("ada", "lovelace")) == "ada"
        exhaust_what_is_left(desk, "ada")

    late = desk.another(cast(Users, InTheMeantime(desk.users, others)))
    assert caller(late(basic(b"ada:lovelace"))) == "ada"
    assert desk.checks == CHECKS_AT_ONCE


def test_a_throttled_name_is_told_once_a_minute_by_each_process(desk: Desk) -> None:
    exhaust(desk, "ada")
    told = []
    for _ in range(130):
        verdict = desk.ask("ada", "wrong")
        if isinstance(verdict, Throttled) and verdict.reason:
            told.append(verdict.reason)
        desk.now += SECOND
    assert told == ["too many password checks for the name"] * 3


def test_one_name_being_guessed_at_is_nobody_elses_trouble(desk: Desk) -> None:
    desk.enrol("bob", "builder")
    exhaust(desk, "ada")
    assert caller(desk.ask("bob", "builder")) == "bob"
    assert isinstance(desk.ask("eve", "wrong"), Refused)


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_process_whose_clock_was_wrong_locks_nobody_out_for_longer_than_a_right_one(
    desk: Desk, days: int
) -> None:
    desk.now = START + timedelta(days=days)
    exhaust(desk, "ada")
    desk.now = START
    assert caller(desk.ask("ada", "lovelace")) == "ada"


def test_a_proof_of_a_clock_that_was_wrong_does_not_last_longer(desk: Desk) -> None:
    desk.now = START + timedelta(days=400)
    desk.ask("ada", "lovelace")
    desk.now = START
    assert origin(desk.another()(basic(b"ada:lovelace"))) == Origin(was_checked=True)


def test_a_decoy_is_made_without_hashing() -> None:
    started = time.thread_time()
    decoy(15)
    assert time.thread_time() - started < 0.1
