"""Snapshot files: all that the services hold as of one instant, with a checksum."""

import os
import pickle
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

_HEADER = b"updraft snapshot 2\n"
_TRAILER = struct.Struct(">QI")  # length and checksum of what is between header and trailer
_FORMAT_WITHOUT_CHECKSUM = 1


class DamagedSnapshot(Exception):
    """The snapshot is not one of ours, or of a later version."""


class _StateUnpickler(pickle.Unpickler):
    """Reads plain data and ministack's own dictionaries, and nothing that could run code."""

    _ALLOWED = frozenset(
        {
            ("collections", "defaultdict"),
            ("builtins", "dict"),
            ("builtins", "set"),
            ("builtins", "bytearray"),
            ("ministack.core.responses", "AccountScopedDict"),
            ("ministack.core.responses", "AccountRegionScopedDict"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every class that a state has no reason to hold."""
        if (module, name) not in self._ALLOWED:
            raise DamagedSnapshot(f"it holds a {module}.{name}")
        return super().find_class(module, name)


class _Summing:
    """A file that keeps length and checksum of what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.length = 0
        self.checksum = 0

    def write(self, content: Any) -> int:
        """Write it, as ``pickle`` does: bytes, or a buffer of them."""
        self.length += memoryview(content).nbytes
        self.checksum = zlib.crc32(content, self.checksum)
        return self._file.write(content)


def write(path: Path, states: dict[str, Any]) -> None:
    """Have the states of the services in the file and on the disk, all or nothing; raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(_HEADER)
            summing = _Summing(file)
            pickle.dump(states, summing, protocol=pickle.HIGHEST_PROTOCOL)
            file.write(_TRAILER.pack(summing.length, summing.checksum))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)  # on a full disk, what is there of it takes the journal's room
        raise
    fresh.replace(path)
    flush_folder(path.parent)


def read(path: Path) -> dict[str, Any]:
    """The states in a snapshot file; raises DamagedSnapshot."""
    content = path.read_bytes()
    if not content.startswith(_HEADER):
        return _without_checksum(content)
    length, checksum = _TRAILER.unpack(content[-_TRAILER.size :].rjust(_TRAILER.size, b"\0"))
    body = content[len(_HEADER) : -_TRAILER.size]
    if len(body) != length or zlib.crc32(body) != checksum:
        raise DamagedSnapshot("its checksum does not fit its content")
    return load(body)


def load(content: bytes) -> dict[str, Any]:
    """Unpickle states, or parts of them; raises DamagedSnapshot."""
    try:
        states: dict[str, Any] = _StateUnpickler(BytesIO(content)).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        MemoryError,
    ) as error:
        raise DamagedSnapshot(str(error) or type(error).__name__) from error
    return states


def flush_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_checksum(content: bytes) -> dict[str, Any]:
    """The states in a snapshot of an earlier version of Updraft."""
    try:
        outer = load(content)
        found, states = outer["format"], outer["services"]
    except (KeyError, TypeError) as error:
        raise DamagedSnapshot(f"it has no {error}") from error
    if found != _FORMAT_WITHOUT_CHECKSUM:
        raise DamagedSnapshot(f"its format is {found}, this version does not know it")
    return dict(states)
