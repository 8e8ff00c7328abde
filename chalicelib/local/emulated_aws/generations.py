"""The files that a state consists of: snapshots, and the journals that go on from them.

Generation N is ``snapshot-N`` and ``journal-N``, the changes after it. A rotation begins ``journal-N+1`` at
the instant whose state a child then writes to ``snapshot-N+1``. Until that is in place, the state is
``snapshot-N`` with both journals; afterwards too, for these are kept until the next rotation is through: the
snapshot before the last one, brought up to date by its journals, is the last one again. Generation 0 begins
with nothing, or with the snapshot of an earlier version of Updraft, a file named ``snapshot``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from chalicelib.local.emulated_aws import journal, snapshots
from chalicelib.local.emulated_aws.journal import End, Journal, Reading
from chalicelib.local.emulated_aws.snapshots import DamagedSnapshot

_NAME = re.compile(r"(snapshot|journal)-(\d{8,})")


class Damaged(Exception):
    """The state cannot be taken up as it is; the text says why and, as a command, what can be done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What was kept: the states of the services as of a snapshot, and the records that followed it."""

    states: dict[str, Any] | None
    """None: nothing yet."""
    records: list[bytes]
    bytes_left_out: int = 0
    """Bytes at the journal's end that did not reach the disk before the power went."""


class Generations:
    """The snapshot and journal files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = 0
        self._readings: dict[int, Reading] = {}

    def load(self) -> Kept:
        """What the folder holds; raises ``Damaged``, and OSError."""
        base = max(self._find("snapshot"), default=0)
        states = self._states(base) if self.snapshot(base).exists() else None
        self._last = max([base, *self._find("journal")])
        records: list[bytes] = []
        for number in range(base, self._last + 1):
            records += self._records(number)
        last = self._readings.get(self._last)
        left_out = last.left if last is not None and last.end is End.UNWRITTEN else 0
        return Kept(states=states, records=records, bytes_left_out=left_out)

    def reopen(self) -> Journal:
        """The journal that goes on from what ``load`` gave; what a crash left half-written is removed."""
        for leftover in self._folder.glob("snapshot*.new"):
            leftover.unlink()
        reading = self._readings.get(self._last)
        if reading is None or not reading.size:
            return self._create(self._last)
        return Journal.reopen(self.journal(self._last), reading.size)

    def begin(self) -> Journal:
        """Begin the next generation by its journal; raises OSError, and then nothing has begun."""
        fresh = self._create(self._last + 1)
        self._last += 1
        return fresh

    def complete(self, states: Callable[[], dict[str, Any]]) -> None:
        """Write the snapshot of the generation that has begun; raises OSError."""
        snapshots.write(self.snapshot(self._last), states())

    def tidy(self) -> None:
        """Remove what is older than the snapshot before the last one."""
        found = self._find("snapshot")
        oldest = found[-2] if len(found) > 1 else 0
        for number in self._find("snapshot"):  # these first: no snapshot may be without its journal
            if number < oldest:
                self.snapshot(number).unlink()
        for number in self._find("journal"):
            if number < oldest:
                self.journal(number).unlink()

    def snapshot_size(self) -> int:
        """Bytes of the last snapshot; 0 if there is none."""
        path = self.snapshot(max(self._find("snapshot"), default=0))
        return path.stat().st_size if path.exists() else 0

    def snapshot(self, number: int) -> Path:
        """The path of a snapshot."""
        return self._folder / (f"snapshot-{number:08}" if number else "snapshot")

    def journal(self, number: int) -> Path:
        """The path of a journal."""
        return self._folder / f"journal-{number:08}"

    def _create(self, number: int) -> Journal:
        fresh = Journal.create(self.journal(number), number)
        snapshots.flush_folder(self._folder)
        return fresh

    def _find(self, kind: str) -> list[int]:
        """The numbers of the snapshots or journals that are there, in order."""
        matches = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        numbers = {int(match[2]) for match in matches if match and match[1] == kind}
        if kind == "snapshot" and self.snapshot(0).exists():
            numbers.add(0)
        return sorted(numbers)

    def _states(self, number: int) -> dict[str, Any]:
        path = self.snapshot(number)
        try:
            return snapshots.read(path)
        except DamagedSnapshot as error:
            raise Damaged(f"The saved state {path} cannot be read: {error}. {self._way_on(path)}") from error

    def _way_on(self, path: Path) -> str:
        """What leads on from a damaged snapshot: there is one before it, or the journals from the start."""
        is_first = len(self._find("snapshot")) == 1
        away = f"mv {quote(str(path))} {quote(f'{path}.damaged')}"
        if is_first and (path == self.snapshot(0) or not self.journal(0).exists()):
            return f"There is none before it. To start without it: {away}"
        return f"To start from the one before it, which the journals bring up to date: {away}"

    def _records(self, number: int) -> list[bytes]:
        """The records of a journal; only the last one may end in the middle of something."""
        path = self.journal(number)
        if not path.exists():
            if not self._find("journal") and number == 0:
                return []  # nothing yet, or the state of a version without a journal
            raise Damaged(f"The saved state is not whole: {path} is missing.")
        reading = journal.read(path.read_bytes(), number)
        self._readings[number] = reading
        is_last = number == self._last
        if reading.end is End.DAMAGED or (reading.end is not End.WHOLE and not is_last):
            raise Damaged(
                f"The journal {path} is damaged at byte {reading.size}. "
                f"To start without what was written from there on: {self._cut(number, reading)}"
            )
        return reading.records

    def _cut(self, number: int, reading: Reading) -> str:
        later = [quote(str(self.journal(other))) for other in self._find("journal") if other > number]
        removal = f"rm {' '.join(later)} && " if later else ""
        return f"{removal}truncate -s {reading.size} {quote(str(self.journal(number)))}"
