"""Process trees: how processes end with those that started them, and how nothing of them is left over.

On Linux the kernel helps (parent-death signals, subreapers, /proc); elsewhere there are process groups only.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_ROUNDS = 200
"""How often a family is looked through that makes new members while it is being killed."""
_BETWEEN_ROUNDS_SECONDS = 0.002


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


def kill_group(leader: int) -> None:
    """Kill what is left of a process group whose leader has just ended, where orphans cannot be adopted.

    (On Linux ``kill_children`` finds all of them.)
    """
    if sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def kill_all(pids: Iterable[int]) -> None:
    """Send SIGKILL to each; those that are gone already are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_children(but: Iterable[int] = ()) -> dict[int, int]:
    """Kill this process's children with all their descendants, and wait for them.

    Together with ``adopt_orphans`` that is everything that was ever started below this process. Children
    named in ``but`` stay. Gives the wait statuses of all that have ended, those of ``but`` among them.
    """
    spared = frozenset(but)
    statuses = ended_children()
    for _ in range(_ROUNDS):
        left = [pid for pid in children(os.getpid()) if pid not in spared]
        if not left:
            break
        for pid in left:
            kill_tree(pid)
        time.sleep(_BETWEEN_ROUNDS_SECONDS)
        statuses |= ended_children()
    return statuses


def ended_children() -> dict[int, int]:
    """The wait statuses of this process's children that have ended, each told once."""
    statuses = {}
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            statuses[ended[0]] = ended[1]
    return statuses


def has_children() -> bool:
    """Whether this process may have any children, ended ones that nobody waited for included."""
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


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
