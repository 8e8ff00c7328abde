"""The freshness of what was loaded of a DAGs folder: whether it is still what is there."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chalicelib.authoring.surroundings.configuration import plugins_folder

Stamp = list[tuple[str, int, int]]
"""Of each file its path, the time of its last change in nanoseconds, and its size."""

_TICK_NS = 20_000_000
"""What the time of a change may be behind the clock: kernels count it in ticks."""

_NEVER = -1

Fingerprint = dict[Path, tuple[int, int]]

_SUFFIXES = (".py", ".zip", ".json", ".yaml", ".yml", ".sql")


def fingerprint(dags_folder: Path) -> Fingerprint:
    """Path, time of the last change and size of all files that can matter to a DAG: plugins, too."""
    return {**_fingerprint(dags_folder), **_fingerprint(plugins_folder(dags_folder))}


def _fingerprint(folder: Path) -> Fingerprint:
    found: Fingerprint = {}
    for path in folder.rglob("*"):
        if path.suffix not in _SUFFIXES and path.name != ".airflowignore":
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # removed since it was listed
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def stamp_of(paths: Iterable[Path], read_since_ns: int) -> Stamp:
    """The stamp of files that were read at that time or later (nanoseconds of the clock).

    One that was changed since then may have been read before or after: its stamp is never current.
    """
    return [_stamp(path, read_since_ns) for path in paths]


def is_current(stamp: Stamp) -> bool:
    """Whether none of the files was changed or removed."""
    return all(_status(path) == (changed, size) for path, changed, size in stamp)


def is_changeable(folder: Path) -> bool:
    """Whether files of the folder can change at all: those of a deployed function cannot."""
    return os.access(folder, os.W_OK)


def _stamp(path: Path, read_since_ns: int) -> tuple[str, int, int]:
    changed, size = _status(str(path)) or (_NEVER, _NEVER)
    return str(path), (changed if changed < read_since_ns - _TICK_NS else _NEVER), size


def _status(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def stamp_of_frame(value: Any) -> Stamp:
    """A stamp as JSON brings it."""
    return [(str(path), int(changed), int(size)) for path, changed, size in value]
