"""XComs."""

from collections import defaultdict
from threading import RLock


class MemoryXComs:
    """Implements ``engine.ports.store.XComs``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._values: defaultdict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)

    def push(self, run_uid: str, task_id: str, map_index: int, key: str, value: str) -> None:
        with self._lock:
            self._values[run_uid, task_id, map_index][key] = value

    def pull(self, run_uid: str, task_id: str, map_index: int, key: str) -> str | None:
        with self._lock:
            return self._values[run_uid, task_id, map_index].get(key)

    def clear(self, run_uid: str, task_id: str, map_index: int) -> None:
        with self._lock:
            self._values.pop((run_uid, task_id, map_index), None)

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            for owner in [owner for owner in self._values if owner[0] == run_uid]:
                del self._values[owner]
