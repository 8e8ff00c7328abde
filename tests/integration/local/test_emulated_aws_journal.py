"""The journal's file: what is read of it after whatever became of its end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.local.emulated_aws.journal import End, Journal, read

RECORDS = st.lists(st.binary(min_size=1, max_size=200), max_size=6)


def file_with(folder: Path, records: list[bytes], generation: int = 7) -> bytes:
    journal = Journal.create(folder / "journal", generation)
    for record in records:
        journal.append(record)
    journal.flush()
    journal.close()
    return (folder / "journal").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


@given(records=RECORDS)
def test_what_was_appended_is_read_in_its_order(folder: Path, records: list[bytes]) -> None:
    content = file_with(folder, records)
    reading = read(content, 7)
    assert (reading.records, reading.end, reading.size) == (records, End.WHOLE, len(content))


def test_a_cut_at_any_byte_leaves_the_records_before_it(folder: Path) -> None:
    records = [b"first", b"second record", b"x" * 300]
    ends = [len(file_with(folder, records[:count])) for count in range(4)]
    content = file_with(folder, records)
    for at in range(len(content)):
        reading = read(content[:at], 7)
        whole = sum(end <= at for end in ends[1:])
        assert reading.records == records[:whole]
        assert reading.end is (End.WHOLE if at in ends else End.CUT)
        assert reading.size == (ends[whole] if at >= ends[0] else 0)


def test_a_flipped_bit_is_never_taken_for_a_record(folder: Path) -> None:
    records = [b"first", b"second record", b"third"]
    content = file_with(folder, records)
    last = len(file_with(folder, records[:2]))
    for at in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            reading = read(bytes(changed), 7)
            assert reading.records == records[: len(reading.records)]
            assert len(reading.records) < 3
            # only of the last record's content may it be that it had not reached the disk
            assert reading.end is (End.UNWRITTEN if at >= last + 12 else End.DAMAGED)


@pytest.mark.parametrize("zeros", [1, 11, 12, 13, 4096])
def test_zeros_at_the_end_had_not_reached_the_disk(folder: Path, zeros: int) -> None:
    content = file_with(folder, [b"first"])
    reading = read(content + bytes(zeros), 7)
    assert reading.records == [b"first"]
    assert (reading.size, reading.left) == (len(content), zeros)
    assert reading.end is (End.CUT if zeros < 12 else End.UNWRITTEN)


def test_the_last_record_may_have_been_written_in_part_before_the_power_went(folder: Path) -> None:
    content = file_with(folder, [b"first", b"s" * 8000])
    reading = read(content[:4096] + bytes(len(content) - 4096), 7)
    assert (reading.records, reading.end) == ([b"first"], End.UNWRITTEN)


@pytest.mark.parametrize("content", [b"", b"updraft jour", bytes(10), bytes(100)])
def test_a_file_that_was_just_begun_is_an_empty_journal(content: bytes) -> None:
    assert (read(content, 7).records, read(content, 7).end) == ([], End.CUT)


@pytest.mark.parametrize("content", [b"something else", b"updraft journal 2 of 00000007\n"])
def test_a_file_of_another_kind_is_damaged(content: bytes) -> None:
    assert read(content, 7).end is End.DAMAGED


def test_the_journal_of_another_generation_is_damaged(folder: Path) -> None:
    assert read(file_with(folder, [b"first"], generation=6), 7).end is End.DAMAGED


def test_what_goes_on_after_a_cut_is_read(folder: Path) -> None:
    content = file_with(folder, [b"first", b"second"])
    path = folder / "journal"
    path.write_bytes(content[:-3])
    journal = Journal.reopen(path, read(path.read_bytes(), 7).size)
    journal.append(b"third")
    journal.close()
    assert read(path.read_bytes(), 7).records == [b"first", b"third"]


def test_a_record_that_does_not_fit_on_the_disk_leaves_nothing_behind(folder: Path) -> None:
    """``/dev/full`` cannot be shortened, so the limit on the size of files stands in for a full disk."""
    import resource
    import signal

    content = file_with(folder, [b"first"])
    path = folder / "journal"
    journal = Journal.reopen(path, len(content))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) + 20, unlimited[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append(b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == content
    journal.append(b"second")
    journal.close()
    assert read(path.read_bytes(), 7).records == [b"first", b"second"]
