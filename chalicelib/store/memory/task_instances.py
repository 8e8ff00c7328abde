"""Task instances, their notes and finished tries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import RLock

from chalicelib.domain.tasks.keys import task_key
from chalicelib.domain.tasks.notes import merged
from chalicelib.domain.tasks.task_instances import (
    Expected,
    FinishedTry,
    TaskInstance,
    TaskInstanceChange,
    untouched,
)
from chalicelib.domain.tasks.voiding import VOID
from chalicelib.engine.ports.store import Write
from chalicelib.store.repeats import bears, shows


class MemoryTaskInstances:
    """Implements ``engine.ports.store.TaskInstances``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._items: defaultdict[str, dict[str, TaskInstance]] = defaultdict(dict)
        self._tries: defaultdict[tuple[str, str], dict[int, FinishedTry]] = defaultdict(dict)

    def get(self, run_uid: str, key: str) -> TaskInstance | None:
        return self._items.get(run_uid, {}).get(key)

    def list(self, run_uid: str) -> Iterator[tuple[str, TaskInstance]]:
        with self._lock:
            return iter(sorted(self._items[run_uid].items(), key=_key))

    def arrive(self, run_uid: str, key: str, added: Mapping[str, int]) -> Write[TaskInstance]:
        if not added:
            raise ValueError("no note to leave")
        with self._lock:
            item = self._items[run_uid].get(key) or untouched(run_uid, key)
            if bears(item.notes, added):
                return Write(applied=False, item=item)
            return self._write(key, replace(item, notes=merged(item.notes, added)))

    def transition(
        self,
        run_uid: str,
        key: str,
        expected: Expected,
        change: TaskInstanceChange,
        added: Mapping[str, int] | None = None,
    ) -> Write[TaskInstance]:
        with self._lock:
            item = self._items[run_uid].get(key) or untouched(run_uid, key)
            notes = added or {}
            if not _is_as(expected, item):
                return Write(applied=shows(item, change) and bears(item.notes, notes), item=item)
            changed = replace(item, **change)
            return self._write(key, replace(changed, notes=merged(item.notes, notes)) if notes else changed)

    def _write(self, key: str, item: TaskInstance) -> Write[TaskInstance]:
        self._items[item.run_uid][key] = item
        return Write(applied=True, item=item)

    def save_finished_try(self, finished: FinishedTry) -> None:
        with self._lock:
            key = (finished.run_uid, task_key(finished.task_id, finished.map_index))
            self._tries[key].setdefault(finished.try_number, finished)

    def finished_tries(self, run_uid: str, task_id: str, map_index: int) -> Iterator[FinishedTry]:
        with self._lock:
            tries = self._tries[run_uid, task_key(task_id, map_index)]
            return iter([tries[number] for number in sorted(tries)])

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            self._items.pop(run_uid, None)
            for owner in [owner for owner in self._tries if owner[0] == run_uid]:
                del self._tries[owner]


def _is_as(expected: Expected, item: TaskInstance) -> bool:
    return (
        item.state in expected.states
        and (item.state is not None or item.is_withheld is expected.is_withheld)
        and expected.try_number in (None, item.try_number)
        and expected.lease_token in (None, item.lease_token)
        and expected.updated_at in (None, item.updated_at)
        and expected.clears in (None, item.clears)
        and expected.voids in (None, len(item.notes.get(VOID, ())))
        and not (expected.is_unexpanded and item.map_length is not None)
    )


def _key(entry: tuple[str, object]) -> str:
    return entry[0]
