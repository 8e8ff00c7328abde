"""The DAG files of a folder, loaded at the start and again whenever one changes.

Files are only ever imported in processes made for it, so that none can hurt the server.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.local.function_pool import Function, FunctionPool, PoolClosed
from chalicelib.user_code.freshness import Fingerprint, fingerprint

_LOOK_EVERY_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What came of loading: the ids of the DAGs, and per broken file one line that says why."""

    dag_ids: tuple[str, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)


class DagFiles:
    """Loads the files of a folder with ``function`` and watches them.

    The function is invoked with ``{"dags_folder": path}`` and gives ``{"dag_ids": [...], "errors": {file:
    text}}``, where files are named by their path in the folder. ``report`` gets one line per newly broken
    file.
    """

    def __init__(
        self, folder: Path, pool: FunctionPool, function: Function, report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._pool = pool
        self._function = function
        self._report = report
        self._seen: Fingerprint = {}
        self._errors: dict[str, str] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="dag-files", daemon=True)

    def load(self) -> Loaded:
        """Load all files; tells of files that are broken in another way than at the last time."""
        self._seen = fingerprint(self._folder)
        loaded = self._load()
        for file, error in sorted(loaded.errors.items()):
            if self._errors.get(file) != error:
                self._report(f"Broken DAG file {self._folder / file}: {error}")
        self._errors = loaded.errors
        return loaded

    def start_watching(self) -> None:
        """From now on load again when a file was added, changed or removed."""
        self._watcher.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_SECONDS):
            if fingerprint(self._folder) == self._seen:
                continue
            try:
                self.load()
            except PoolClosed:
                return
            except Exception:
                logger.exception("the DAG files could not be loaded again")

    def _load(self) -> Loaded:
        result = self._pool.invoke(self._function, {"dags_folder": str(self._folder)})
        return Loaded(dag_ids=tuple(result["dag_ids"]), errors=_one_line_each(result["errors"]))


def _one_line_each(errors: dict[str, str]) -> dict[str, str]:
    """The last line of each error's text: of a stack trace that is the error itself."""
    return {path: error.strip().splitlines()[-1].strip() or "?" for path, error in errors.items()}
