"""The worker's hands: finds the task in its deployed DAG file, runs it, and keeps what it logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.dag.dag import DAG
from chalicelib.dag.execution import run_try as run_in_dag
from chalicelib.dag.loader import ImportFailure, LoadedFile, load_file
from chalicelib.domain.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports import RunningXComs, RunTry, TryReport

MAX_LOG_BYTES = 10_000_000
"""What is kept of one try's log; beyond that it is only in the function's own log (CloudWatch)."""

_TRUNCATED = b"\n... the rest of this log was too long to keep\n"

log = logging.getLogger("airflow.task")


def run_try(dags_folder: Path) -> RunTry:
    """A runner over the DAG files of a folder; a loaded file is reused until it changes."""
    files = DagFiles(dags_folder)

    def run(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        with captured_log() as kept:
            outcome = _run(files, request, xcoms)
        return TryReport(outcome=outcome, log=bytes(kept.content))

    return run


def _run(files: "DagFiles", request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
    loaded = files.load(request.fileloc)
    if isinstance(loaded, ImportFailure):
        log.error("%s cannot be loaded: %s", loaded.filename, loaded.message)
        return TryOutcome(result=TryResult.FAILED, reason=loaded.message)
    dag = _dag_of(loaded, request.dag_id)
    if dag is None:
        reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
        return TryOutcome(result=TryResult.REMOVED, reason=reason)
    return run_in_dag(dag, request, xcoms)


def _dag_of(loaded: LoadedFile, dag_id: str) -> DAG | None:
    return next((dag for dag in loaded.dags if dag.dag_id == dag_id), None)


class DagFiles:
    """The DAG files of a folder, loaded when first asked for and again when they changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, tuple[tuple[int, int], LoadedFile]] = {}

    def load(self, fileloc: str) -> LoadedFile | ImportFailure:
        """The file of that path in the folder; a failure is not remembered."""
        path = self._folder / fileloc
        if not path.is_file():
            return ImportFailure(filename=fileloc, message="the file is not deployed any more")
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._loaded.get(fileloc)
        if known is not None and known[0] == stamp:
            return known[1]
        loaded = load_file(path, self._folder)
        if isinstance(loaded, LoadedFile):
            self._loaded[fileloc] = (stamp, loaded)
        return loaded


class KeptLog(logging.Handler):
    """Keeps what is logged, up to ``MAX_LOG_BYTES``, in the form of Airflow's task logs."""

    def __init__(self) -> None:
        super().__init__(level=logging.INFO)
        self.setFormatter(
            logging.Formatter("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")
        )
        self.content = bytearray()
        self._is_full = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record, UTF-8, one line (or more) each."""
        if self._is_full:
            return
        try:
            self.content += f"{self.format(record)}\n".encode(errors="replace")
        except Exception:  # as every handler of logging does: a bad log call must not end the task
            self.handleError(record)
        if len(self.content) > MAX_LOG_BYTES:
            del self.content[MAX_LOG_BYTES:]
            self.content += _TRUNCATED
            self._is_full = True


@contextmanager
def captured_log() -> Iterator[KeptLog]:
    """Keep what is logged meanwhile; it also goes where it went before (CloudWatch on Lambda)."""
    kept = KeptLog()
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(min(level, logging.INFO))
    try:
        yield kept
    finally:
        root.setLevel(level)
        root.removeHandler(kept)
