"""How many checks of a password there are, whatever the moments at which they are asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.logins import (
    BETWEEN_CHECKS,
    CHECKS_A_DAY,
    CHECKS_A_MINUTE,
    CHECKS_AT_ONCE,
    MOST_ADDRESSES,
    PROVEN_FOR,
    RENEWED_AFTER,
    Login,
    milliseconds,
    moment,
    name_digest,
    network_of,
    proof_digest,
)
from tests.pages import on_one_line, page

START = datetime(2026, 1, 1, tzinfo=UTC)
PAUSES = st.lists(st.integers(min_value=0, max_value=40_000), max_size=120)


def begun(pauses: list[int]) -> list[datetime]:
    """When checks begin, of those asked for with so many milliseconds between."""
    login, now, moments = Login(), START, []
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        if login.wait(now) == 0:
            login = login.after_a_check(now)
            moments.append(now)
    return moments


@given(PAUSES)
def test_in_no_minute_are_there_more_than_is_stated(pauses: list[int]) -> None:
    moments = begun(pauses)
    for first in moments:
        in_its_minute = [each for each in moments if timedelta() <= each - first < timedelta(minutes=1)]
        assert len(in_its_minute) <= CHECKS_A_MINUTE


@given(PAUSES, st.integers(min_value=0, max_value=100_000))
def test_whoever_waits_as_long_as_is_said_has_a_check(pauses: list[int], later: int) -> None:
    login, now = Login(), START
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        if login.wait(now) == 0:
            login = login.after_a_check(now)
    now += timedelta(milliseconds=later)
    wait = login.wait(now)
    assert 0 <= wait <= BETWEEN_CHECKS.total_seconds()
    assert login.wait(now + timedelta(seconds=wait)) == 0
    assert wait == 0 or login.wait(now + timedelta(seconds=wait - 1)) > 0


def test_a_day_of_asking_all_the_time_has_as_many_as_is_stated() -> None:
    login, now, checks = Login(), START, 0
    while now <= START + timedelta(days=1):
        wait = login.wait(now)
        if wait:
            now += timedelta(seconds=wait)
        else:
            login, checks = login.after_a_check(now), checks + 1
    assert checks == CHECKS_A_DAY
    assert (CHECKS_AT_ONCE, CHECKS_A_MINUTE, CHECKS_A_DAY) == (24, 30, 8_664)


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_survive_as_milliseconds(instant: datetime) -> None:
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert moment(milliseconds(instant)) == whole


def test_the_page_states_how_many_guesses_there_are() -> None:
    said = on_one_line(page("auth"))
    for stated in (
        f"{CHECKS_AT_ONCE} passwords are checked at once and then one every {BETWEEN_CHECKS.seconds} seconds",
        f"never more than {CHECKS_A_MINUTE} in a minute",
        f"at most {CHECKS_A_DAY:,} guesses a day",
        f"with more than {MOST_ADDRESSES} addresses",
        f"used it within {(PROVEN_FOR - RENEWED_AFTER) // timedelta(hours=1)} hours",
    ):
        assert stated in said


def test_a_digest_is_of_the_name_the_password_what_is_kept_and_the_key() -> None:
    parts = (b"key", "ada", "lovelace", "$2b$04$kept")
    others = [
        (b"other", *parts[1:]),
        (b"key", "ad", "alovelace", "$2b$04$kept"),
        (b"key", "ada", "lovelac", "e$2b$04$kept"),
        (b"key", "ada", "lovelace", "$2b$04$kepT"),
        (b"key", "ada", "Lovelace", "$2b$04$kept"),
    ]
    digests = {proof_digest(*each) for each in [parts, *others]}
    assert len(digests) == 1 + len(others)
    assert proof_digest(*parts) in digests


def test_the_digest_of_a_name_fits_a_key() -> None:
    assert {len(name_digest(name)) for name in ("ada", "x" * 10_000, "\N{PILE OF POO}")} == {64}


@pytest.mark.parametrize(
    ("source_ip", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0db8:0001:0002::", "2001:db8:1:2::/64"),
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("", "unknown"),
        ("fe80::1%eth0", "fe80::/64"),
        ("somewhere", "somewhere"),
    ],
)
def test_what_counts_as_one_address(source_ip: str, network: str) -> None:
    assert network_of(source_ip) == network
