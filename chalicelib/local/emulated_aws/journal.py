"""The journal: a file that records are appended to, read again after whatever end.

A file is a header line and then records, each with its length, the checksum of its content and a checksum
of these two. So the end of a file that a crash cut short is told from damage: a cut leaves less than a whole
record; or, where the power went, a last record or a rest of zeros that never reached the disk.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_PREFIX = struct.Struct(">III")  # length, checksum of the content, checksum of the eight bytes before
_LARGEST = 2**30


class End(Enum):
    """How the last journal ends."""

    WHOLE = "whole"
    """After a whole record."""
    CUT = "cut"
    """Within a record that was never whole, and so was never answered; or before the header was whole."""
    UNWRITTEN = "unwritten"
    """With what the file system had not put on the disk when the power went."""
    DAMAGED = "damaged"
    """With bytes that no end of the machine explains."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a journal holds."""

    records: list[bytes]
    size: int
    """Bytes up to the end of the last whole record."""
    left: int
    """Bytes after it."""
    end: End


class Journal:
    """A journal that is written to: ``append`` is on its way to the disk, ``flush`` puts it there."""

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path = path
        self.size = size
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, generation: int) -> "Journal":
        """A new, empty one, on the disk; raises OSError."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        journal = cls(path, descriptor, 0)
        try:
            journal._write(_header(generation))
            journal.flush()
        except OSError:
            journal.close()
            path.unlink()
            raise
        return journal

    @classmethod
    def reopen(cls, path: Path, size: int) -> "Journal":
        """An existing one, to go on after its first ``size`` bytes; what follows them is cut off."""
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.ftruncate(descriptor, size)
        return cls(path, descriptor, size)

    @property
    def is_empty(self) -> bool:
        """Whether it has no records."""
        return self.size == len(_header(0))

    def append(self, record: bytes) -> None:
        """Write a record: a kill of any process leaves it there. Raises OSError, and then it is not there."""
        head = struct.pack(">II", len(record), zlib.crc32(record))
        self._write(head + struct.pack(">I", zlib.crc32(head)) + record)

    def flush(self) -> None:
        """Have all on the disk; may run beside ``append``. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Write no more to it."""
        os.close(self._descriptor)

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)  # a full disk has room to shrink a file
            raise
        self.size += len(content)


def read(content: bytes, generation: int) -> Reading:
    """What is in a journal's file."""
    header = _header(generation)
    if not content.startswith(header):
        is_cut = header.startswith(content) or not content.strip(b"\0")
        return Reading(records=[], size=0, left=len(content), end=End.CUT if is_cut else End.DAMAGED)
    records: list[bytes] = []
    at = len(header)
    while at < len(content):
        record = _record(content, at)
        if isinstance(record, End):
            return Reading(records=records, size=at, left=len(content) - at, end=record)
        records.append(record)
        at += _PREFIX.size + len(record)
    return Reading(records=records, size=at, left=0, end=End.WHOLE)


def _record(content: bytes, at: int) -> bytes | End:
    """The record that begins there, or why there is none."""
    if len(content) - at < _PREFIX.size:
        return End.CUT
    length, checksum, head_checksum = _PREFIX.unpack_from(content, at)
    is_head = head_checksum == zlib.crc32(content[at : at + 8]) and 0 < length <= _LARGEST
    if not is_head:
        return End.DAMAGED if content[at:].strip(b"\0") else End.UNWRITTEN
    start = at + _PREFIX.size
    if start + length > len(content):
        return End.CUT
    record = content[start : start + length]
    if zlib.crc32(record) == checksum:
        return record
    return End.DAMAGED if content[start + length :].strip(b"\0") else End.UNWRITTEN


def _header(generation: int) -> bytes:
    return f"updraft journal 1 of {generation:08}\n".encode()
