"""The lineage of tasks: what they read and wrote."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from threading import RLock


class MemoryLineage:
    """Implements ``engine.ports.store.Lineage``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._entries: defaultdict[str, dict[str, tuple[Sequence[str], Sequence[str]]]] = defaultdict(dict)

    def save(self, run_uid: str, task_id: str, inlets: Sequence[str], outlets: Sequence[str]) -> None:
        with self._lock:
            self._entries[run_uid][task_id] = (tuple(inlets), tuple(outlets))

    def list(self, run_uid: str) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
        with self._lock:
            return iter([(task_id, *entry) for task_id, entry in sorted(self._entries[run_uid].items())])

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            self._entries.pop(run_uid, None)
