"""Checks of a name's password by processes whose reads are out of date and whose clocks differ."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.logins import BETWEEN_CHECKS, CHECKS_A_MINUTE, CHECKS_AT_ONCE, Login
from chalicelib.store.memory import MemoryStore

START = datetime(2026, 1, 1, tzinfo=UTC)
PROCESSES = 4
LARGEST_SKEW_MS = 5_000

Step = tuple[int, bool, int]
"""A process, whether it reads or begins a check by what it read last, and milliseconds that pass before."""

STEPS = st.lists(
    st.tuples(
        st.integers(0, PROCESSES - 1), st.booleans(), st.sampled_from([0, 0, 0, 1, 999, 5_000, 11_000])
    ),
    max_size=200,
)
SKEWS = st.lists(st.integers(-LARGEST_SKEW_MS, LARGEST_SKEW_MS), min_size=PROCESSES, max_size=PROCESSES)


def begun(steps: list[Step], skews: list[int]) -> list[datetime]:
    """The moments at which checks begin, by a clock that is right."""
    users = MemoryStore().users
    seen = [Login()] * PROCESSES
    now, moments = START, []
    for process, reads, pause in steps:
        now += timedelta(milliseconds=pause)
        if reads:
            seen[process] = users.for_login("ada")[1]
            continue
        its_clock = now + timedelta(milliseconds=skews[process])
        began, seen[process] = users.begin_check("ada", seen[process], its_clock)
        if began:
            moments.append(now)
    return moments


@given(STEPS, SKEWS)
def test_no_order_of_reads_and_writes_gives_more_checks_than_is_stated(
    steps: list[Step], skews: list[int]
) -> None:
    moments = begun(steps, skews)
    more_by_clocks = 1 + 2 * LARGEST_SKEW_MS // (BETWEEN_CHECKS // timedelta(milliseconds=1))
    for first in moments:
        in_its_minute = [each for each in moments if timedelta() <= each - first < timedelta(minutes=1)]
        assert len(in_its_minute) <= CHECKS_A_MINUTE + more_by_clocks


@given(STEPS)
def test_with_clocks_that_agree_the_bound_is_exact_and_no_check_is_lost(steps: list[Step]) -> None:
    moments = begun(steps, [0] * PROCESSES)
    asked, now = [], START
    for _, reads, pause in steps:
        now += timedelta(milliseconds=pause)
        asked += [] if reads else [now]
    for first in moments:
        in_its_minute = [each for each in moments if timedelta() <= each - first < timedelta(minutes=1)]
        assert len(in_its_minute) <= CHECKS_A_MINUTE
    assert len(moments) >= min(len(asked), CHECKS_AT_ONCE)
