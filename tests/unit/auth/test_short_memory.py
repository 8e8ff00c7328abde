from chalicelib.auth.short_memory import ShortMemory


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_fingerprint_is_known_for_its_time_however_often_it_is_asked_for() -> None:
    clock = Clock()
    memory = ShortMemory[None](60, clock)
    assert b"a" not in memory
    memory.put(b"a", None)
    clock.seconds += 59
    assert b"a" in memory
    clock.seconds += 1
    assert b"a" not in memory


def test_no_time_is_no_memory() -> None:
    memory = ShortMemory[None](0, Clock())
    memory.put(b"a", None)
    assert b"a" not in memory


def test_the_oldest_goes_when_there_are_too_many() -> None:
    memory = ShortMemory[None](60, Clock(), most=2)
    for fingerprint in (b"a", b"b", b"a", b"c"):
        memory.put(fingerprint, None)
    assert [fingerprint in memory for fingerprint in (b"a", b"b", b"c")] == [True, False, True]
