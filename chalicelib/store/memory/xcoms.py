"""XComs."""

from collections import defaultdict
from collections.abc import Iterator
from threading import RLock

from chalicelib.domain.graph.graph import NOT_MAPPED


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

    def pull_all(self, run_uid: str, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        with self._lock:
            found = [
                (owner[2], values[key])
                for owner, values in self._values.items()
                if owner[:2] == (run_uid, task_id) and owner[2] != NOT_MAPPED and key in values
            ]
        return iter(sorted(found))

    def clear(self, run_uid: str, task_id: str, map_index: int) -> None:
        with self._lock:
            self._values.pop((run_uid, task_id, map_index), None)

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            for owner in [owner for owner in self._values if owner[0] == run_uid]:
                del self._values[owner]
