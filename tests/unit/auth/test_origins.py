"""Where a caller whose password is right may come from, and what it costs to know."""

from datetime import UTC, datetime, timedelta

from chalicelib.auth.logins import CHECKS_AT_ONCE
from chalicelib.auth.origins import OriginCheck
from chalicelib.auth.verdicts import Origin, Throttled
from chalicelib.store.memory import MemoryStore

START = datetime(2026, 1, 1, tzinfo=UTC)
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


class Door:
    """A check of origins over users in memory, of whom ada is proven; ``now`` is set."""

    def __init__(self) -> None:
        self.users = MemoryStore().users
        self.now = START
        self.users.keep_proof("ada", "digest", START)
        self.check = OriginCheck(users=self.users, seconds_remembered=60, now=lambda: self.now)

    def exhaust(self) -> None:
        for _ in range(CHECKS_AT_ONCE):
            assert self.users.begin_check("ada", self.users.for_login("ada")[1], self.now)[0]

    def addresses(self) -> frozenset[str]:
        proof = self.users.for_login("ada")[1].proof
        assert proof
        return proof.addresses


def test_a_new_address_is_noted_and_let_in_while_there_are_checks() -> None:
    door = Door()
    assert door.check("ada", Origin(), HOME) is None
    assert door.addresses() == {HOME}


def test_without_a_check_left_only_a_known_address_is_let_in() -> None:
    door = Door()
    door.check("ada", Origin(), HOME)
    door.exhaust()
    assert door.check("ada", Origin(wait=10, addresses=frozenset({HOME})), HOME) is None
    verdict = door.check("ada", Origin(wait=10, addresses=frozenset({HOME})), ELSEWHERE)
    assert isinstance(verdict, Throttled)
    assert (verdict.wait, verdict.claimed) == (10, "ada")
    assert door.addresses() == {HOME}


def test_what_the_authorizer_remembers_may_be_out_of_date() -> None:
    """It has let the caller in by what it read before the checks were used up, or before the address came."""
    door = Door()
    door.exhaust()
    verdict = door.check("ada", Origin(), ELSEWHERE)
    assert isinstance(verdict, Throttled)
    assert verdict.wait == 10
    door.users.come_from("ada", HOME, START, was_checked=True)
    assert door.check("ada", Origin(), HOME) is None


def test_a_password_that_was_just_checked_may_come_from_anywhere() -> None:
    door = Door()
    door.exhaust()
    assert door.check("ada", Origin(was_checked=True), HOME) is None
    assert door.addresses() == {HOME}


def test_an_address_is_noted_again_where_a_new_proof_has_dropped_it() -> None:
    door = Door()
    door.check("ada", Origin(), HOME)
    door.users.keep_proof("ada", "another password", START)
    assert door.addresses() == frozenset()
    assert door.check("ada", Origin(was_checked=True), HOME) is None
    assert door.addresses() == {HOME}


def test_who_is_kept_out_is_told_of_once_a_minute() -> None:
    door = Door()
    told = []
    for _ in range(130):
        verdict = door.check("ada", Origin(wait=1), ELSEWHERE)
        assert isinstance(verdict, Throttled)
        told += [verdict.reason] if verdict.reason else []
        door.now += timedelta(seconds=1)
    assert len(told) == 3
