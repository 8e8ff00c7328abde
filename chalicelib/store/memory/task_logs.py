"""The logs of tries and callbacks."""

from threading import RLock

from chalicelib.domain.runs.dag_runs import RunRef


class MemoryTaskLogs:
    """Implements ``engine.ports.store.TaskLogs``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._logs: dict[tuple[str, str, int], bytes] = {}
        self._callback_logs: dict[tuple[str, str | None, int, str], bytes] = {}

    def save(self, run: RunRef, run_id: str, key: str, try_number: int, text: bytes) -> None:  # noqa: ARG002 - the bucket's keys need it
        with self._lock:
            self._logs[run.run_uid, key, try_number] = text

    def read(self, run: RunRef, run_id: str, key: str, try_number: int) -> bytes | None:  # noqa: ARG002 - the bucket's keys need it
        return self._logs.get((run.run_uid, key, try_number))

    def save_callback(
        self,
        run: RunRef,
        run_id: str,  # noqa: ARG002 - the bucket's keys need it
        key: str | None,
        try_number: int,
        kind: str,
        text: bytes,
    ) -> None:
        with self._lock:
            self._callback_logs[run.run_uid, key, try_number, kind] = text

    def read_callback(
        self,
        run: RunRef,
        run_id: str,  # noqa: ARG002 - the bucket's keys need it
        key: str | None,
        try_number: int,
        kind: str,
    ) -> bytes | None:
        return self._callback_logs.get((run.run_uid, key, try_number, kind))
