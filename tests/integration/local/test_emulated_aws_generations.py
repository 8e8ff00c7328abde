"""Snapshots and journals on the disk: what is taken up again after a crash at any step, or with damage."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.emulated_aws.generations import Damaged, Generations

Act = Callable[["Life"], None]

EVENTS = ("open", "os.rename", "os.remove", "os.truncate")
"""Audit events of the steps that touch a file; a crash is tried before each."""


class Life:
    """A process that keeps numbers: it appends them to the journal, and has all of them in snapshots."""

    def __init__(self, folder: Path, acknowledge: Callable[[int], object] = lambda number: None) -> None:
        self.generations = Generations(folder)
        self._acknowledge = acknowledge
        self.numbers = taken_up(self.generations)
        self.generations.tidy()
        self._journal = self.generations.reopen()

    def add(self) -> None:
        number = len(self.numbers)
        self._journal.append(str(number).encode())
        self.numbers.append(number)
        self._acknowledge(number)

    def begin(self) -> None:
        self._journal.flush()
        self._journal = self.generations.begin()
        self._as_of_the_fork = list(self.numbers)

    def complete(self) -> None:
        self.generations.complete(lambda: {"numbers": self._as_of_the_fork})

    def rotate(self) -> None:
        self.begin()
        self.complete()
        self.generations.tidy()

    def some(self) -> None:
        for _ in range(3):
            self.add()


def taken_up(generations: Generations) -> list[int]:
    kept = generations.load()
    return [*(kept.states or {"numbers": []})["numbers"], *(int(record) for record in kept.records)]


def live(life: Life) -> None:
    """Two rotations, changes during the second one's snapshot, and changes after it."""
    life.some()
    life.rotate()
    life.some()
    life.begin()
    life.add()
    life.complete()
    life.add()
    life.generations.tidy()
    life.rotate()
    life.some()


def crash_at(step: int, folder: Path) -> tuple[int, bool]:
    """Live until the step with that number; gives how much was acknowledged, and whether it crashed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        left = step

        def count(event: str, _arguments: Any) -> None:
            nonlocal left
            if event in EVENTS:
                left -= 1
                if left < 0:
                    os._exit(9)

        sys.addaudithook(count)
        live(Life(folder, lambda number: os.write(writing, b".")))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as acknowledged:
        count_of = len(acknowledged.read())
    return count_of, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_crash_before_any_step_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    crashes = 0
    for step in range(1000):
        folder = tmp_path / str(step)
        folder.mkdir()
        acknowledged, crashed = crash_at(step, folder)
        numbers = taken_up(Generations(folder))
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= acknowledged
        second = Life(folder)
        second.some()
        second.rotate()
        assert taken_up(Generations(folder)) == list(range(len(numbers) + 3))
        crashes += crashed
        if not crashed:
            break
    assert crashes >= 15


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two snapshots with their journals, and fifteen numbers."""
    life = Life(tmp_path)
    for _ in range(4):
        life.some()
        life.rotate()
    life.some()
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_snapshot_before_the_last_one_is_kept_with_its_journals(folder: Path) -> None:
    pairs = ["00000003", "00000004"]
    assert names(folder) == [f"journal-{number}" for number in pairs] + [
        f"snapshot-{number}" for number in pairs
    ]


def refusal(folder: Path) -> str:
    with pytest.raises(Damaged) as refused:
        Generations(folder).load()
    return str(refused.value)


def follow_the_advice(text: str) -> None:
    command = text.rpartition(": ")[2]
    subprocess.run(["sh", "-c", command], check=True)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


def made_random(content: bytes) -> bytes:
    return os.urandom(len(content))


def made_code(content: bytes) -> bytes:
    return b"\x80\x05cos\nsystem\n."


@pytest.mark.parametrize("damage", [truncated, emptied, flipped, made_random, made_code])
def test_a_damaged_last_snapshot_is_told_with_a_way_on_that_loses_nothing(
    folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = folder / "snapshot-00000004"
    path.write_bytes(damage(path.read_bytes()))
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    text = refusal(folder)
    assert text.startswith(f"The saved state {path} cannot be read: ")
    assert "To start from the one before it, which the journals bring up to date: mv " in text
    assert len(text.splitlines()) == 1
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before

    follow_the_advice(text)
    life = Life(folder)
    assert life.numbers == list(range(15))
    life.some()
    life.rotate()
    assert taken_up(Generations(folder)) == list(range(18))


def test_the_first_snapshot_of_all_has_the_journals_before_it(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.some()
    life.rotate()
    life.some()
    (tmp_path / "snapshot-00000001").write_bytes(b"")
    follow_the_advice(refusal(tmp_path))
    assert taken_up(Generations(tmp_path)) == list(range(6))


def test_the_only_snapshot_that_there_is_can_be_left_out(tmp_path: Path) -> None:
    """That of an earlier version, which kept no journal."""
    (tmp_path / "snapshot").write_bytes(b"no snapshot")
    text = refusal(tmp_path)
    assert "There is none before it. To start without it: mv " in text
    follow_the_advice(text)
    assert taken_up(Generations(tmp_path)) == []


def test_the_snapshot_of_an_earlier_version_is_taken_up_and_goes_in_time(tmp_path: Path) -> None:
    import pickle

    old = {"format": 1, "services": {"numbers": [0, 1]}}
    (tmp_path / "snapshot").write_bytes(pickle.dumps(old))
    life = Life(tmp_path)
    assert life.numbers == [0, 1]
    for _ in range(2):
        life.add()
        assert (tmp_path / "snapshot").exists()
        assert taken_up(Generations(tmp_path)) == life.numbers
        life.rotate()
    assert names(tmp_path)[-2:] == ["snapshot-00000001", "snapshot-00000002"]
    assert taken_up(Generations(tmp_path)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["journal-00000004", "snapshot-00000004"])
def test_a_missing_file_is_not_passed_over(folder: Path, name: str) -> None:
    (folder / name).unlink()
    if name.startswith("snapshot"):
        assert taken_up(Generations(folder)) == list(range(15))  # the one before it, brought up to date
        return
    assert refusal(folder) == f"The saved state is not whole: {folder / name} is missing."


def test_without_any_snapshot_journals_that_begin_later_are_not_the_state(folder: Path) -> None:
    for path in folder.glob("snapshot-*"):
        path.unlink()
    assert refusal(folder) == f"The saved state is not whole: {folder}/journal-00000000 is missing."


def test_damage_in_the_middle_of_a_journal_is_told_with_a_way_on(folder: Path) -> None:
    path = folder / "journal-00000004"
    content = path.read_bytes()
    at = len(content) - 2 * 14
    path.write_bytes(content[:at] + b"!" + content[at + 1 :])
    text = refusal(folder)
    assert text.startswith(f"The journal {path} is damaged at byte {at}. ")
    follow_the_advice(text)
    assert taken_up(Generations(folder)) == list(range(13))


def test_damage_in_an_earlier_journal_takes_the_later_ones_with_it(folder: Path) -> None:
    (folder / "snapshot-00000004").unlink()
    path = folder / "journal-00000003"
    path.write_bytes(path.read_bytes()[:-1])
    follow_the_advice(refusal(folder))
    assert taken_up(Generations(folder)) == list(range(11))


def test_what_had_not_reached_the_disk_is_left_out_and_counted(folder: Path) -> None:
    path = folder / "journal-00000004"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")
    kept = Generations(folder).load()
    assert kept.bytes_left_out == 14
    assert len(kept.records) == 2


def test_a_snapshot_that_finds_no_room_leaves_none(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.some()
    life.begin()

    def states() -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        life.generations.complete(states)
    life.some()
    assert names(tmp_path) == ["journal-00000000", "journal-00000001"]
    assert taken_up(Generations(tmp_path)) == list(range(6))
