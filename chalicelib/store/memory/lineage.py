"""The lineage of tasks: what they read and wrote."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from threading import RLock

_Entries = dict[tuple[str, int], tuple[Sequence[str], Sequence[str]]]
"""Inlets and outlets by task id and map index."""


class MemoryLineage:
    """Implements ``engine.ports.store.Lineage``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._runs: defaultdict[str, _Entries] = defaultdict(dict)

    def save(
        self, run_uid: str, task_id: str, map_index: int, inlets: Sequence[str], outlets: Sequence[str]
    ) -> None:
        with self._lock:
            self._runs[run_uid][task_id, map_index] = (tuple(inlets), tuple(outlets))

    def list(self, run_uid: str) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        with self._lock:
            return iter([(*instance, *entry) for instance, entry in sorted(self._runs[run_uid].items())])

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            self._runs.pop(run_uid, None)
