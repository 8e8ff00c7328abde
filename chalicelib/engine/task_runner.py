"""The worker's hands: finds the task in its deployed DAG file, runs it, and keeps what it logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.dag.execution import run_try as run_in_dag
from chalicelib.dag.loader import DagFileError, DagFiles
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


def _run(files: DagFiles, request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
    try:
        dag = files.dag(request.dag_id, request.fileloc)
    except DagFileError as error:
        log.error("%s", error)
        return TryOutcome(result=TryResult.FAILED, reason=str(error))
    if dag is None:
        reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
        return TryOutcome(result=TryResult.REMOVED, reason=reason)
    return run_in_dag(dag, request, xcoms)


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
