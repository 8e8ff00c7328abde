"""Variables of DAG files."""

from collections.abc import Iterator
from threading import RLock

from chalicelib.domain.variables import StoredVariable


class MemoryVariables:
    """Implements ``domain.variables.Variables``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._variables: dict[str, StoredVariable] = {}

    def get(self, key: str) -> StoredVariable | None:
        return self._variables.get(key)

    def list(self) -> Iterator[StoredVariable]:
        with self._lock:
            return iter(list(self._variables.values()))

    def save(self, variable: StoredVariable) -> None:
        with self._lock:
            self._variables[variable.key] = variable

    def delete(self, key: str) -> None:
        with self._lock:
            self._variables.pop(key, None)
