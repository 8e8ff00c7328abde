"""Nothing outlives the local server: how its processes notice its end, and how a process tree is ended.

The server holds the only write end of a pipe. Whoever reads the pipe sees its end the moment the
server is gone, whichever way it went: that works for ``kill -9`` too, needs no polling and no pid.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Lifeline:
    """The pipe between the server, which keeps it open, and its processes, which read its end."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def cut(self) -> None:
        """Tell every reader that the server ends."""
        for fd in (self._write_end, self.read_end):
            with contextlib.suppress(OSError):
                os.close(fd)


def when_cut(lifeline: int, act: Callable[[], None]) -> None:
    """Call ``act`` in a thread of its own once the server is gone; ``lifeline`` is the read end."""

    def wait() -> None:
        os.read(lifeline, 1)
        act()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends (Linux; elsewhere nothing).

    It reaches even a process whose native code never gives the GIL back.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of whatever this process's descendants leave behind (Linux; elsewhere nothing)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_tree(pid: int) -> None:
    """Kill a process, its process group when it leads one, and all its descendants."""
    doomed = [pid, *descendants(pid)]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    kill_all(doomed)


def kill_all(pids: Iterable[int]) -> None:
    """Send SIGKILL to each; those that are gone already are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The processes whose parent ``pid`` is; empty where there is no /proc."""
    return _children_by_parent()[pid]


def descendants(pid: int) -> list[int]:
    """Children of ``pid``, their children and so on, nearest first; empty where there is no /proc."""
    family = _children_by_parent()
    found: list[int] = []
    unvisited = [pid]
    while unvisited:
        offspring = family[unvisited.pop(0)]
        found += offspring
        unvisited += offspring
    return found


def _children_by_parent() -> defaultdict[int, list[int]]:
    family: defaultdict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state ppid ...": the name may hold spaces and parentheses
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        family[parent].append(int(stat.parent.name))
    return family


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
