from chalicelib.auth.recently_proven import RecentlyProven


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_fingerprint_is_known_for_its_time_however_often_it_is_asked_for() -> None:
    clock = Clock()
    proven = RecentlyProven(60, clock)
    assert b"a" not in proven
    proven.add(b"a")
    clock.seconds += 59
    assert b"a" in proven
    clock.seconds += 1
    assert b"a" not in proven


def test_no_time_is_no_memory() -> None:
    proven = RecentlyProven(0, Clock())
    proven.add(b"a")
    assert b"a" not in proven


def test_the_oldest_goes_when_there_are_too_many() -> None:
    proven = RecentlyProven(60, Clock(), most=2)
    for fingerprint in (b"a", b"b", b"a", b"c"):
        proven.add(fingerprint)
    assert [fingerprint in proven for fingerprint in (b"a", b"b", b"c")] == [True, False, True]
