"""The worker's hands: finds the task in its deployed DAG file, runs it, and keeps what it says."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from chalicelib.domain.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports import RunningXComs, RunTry, TryReport

MAX_LOG_BYTES = 10_000_000
"""What is kept of one try's log; beyond that it is only in the function's own log (CloudWatch)."""

_TRUNCATED = b"\n... the rest of this log was too long to keep\n"


def run_try(dags_folder: Path) -> RunTry:
    """A runner over the DAG files of a folder; loaded files are reused until they change."""
    from chalicelib.dag.loader import DagFiles

    files = DagFiles(dags_folder)

    def run(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        with captured() as output:
            outcome = _run(files, request, xcoms)
        return TryReport(outcome=outcome, log=output.text())

    return run


def _run(files: Any, request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
    from chalicelib.dag.execution import run_try as run_in_dag
    from chalicelib.dag.loader import DagFileError

    try:
        dag = files.dag(request.dag_id, request.fileloc)
    except DagFileError as error:
        logging.getLogger("airflow.task").error("%s", error)
        return TryOutcome(result=TryResult.FAILED, reason=str(error))
    if dag is None:
        return TryOutcome(result=TryResult.REMOVED, reason=f"{request.fileloc} no longer defines the DAG")
    return run_in_dag(dag, request, xcoms)


class CapturedOutput:
    """What a try prints and logs, up to ``MAX_LOG_BYTES``."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._is_full = False

    def write(self, text: str) -> None:
        """Keep some more text."""
        if self._is_full:
            return
        self._kept += text.encode(errors="replace")
        if len(self._kept) > MAX_LOG_BYTES:
            del self._kept[MAX_LOG_BYTES:]
            self._kept += _TRUNCATED
            self._is_full = True

    def text(self) -> bytes:
        """Everything kept, UTF-8."""
        return bytes(self._kept)


class _Tee:
    """A text stream that writes to the one it stands for, and keeps a copy."""

    def __init__(self, stream: IO[str], output: CapturedOutput) -> None:
        self._stream, self._output = stream, output

    def write(self, text: str) -> int:
        self._output.write(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _LogHandler(logging.Handler):
    def __init__(self, output: CapturedOutput) -> None:
        super().__init__(level=logging.INFO)
        self.setFormatter(
            logging.Formatter("[%(asctime)s] {%(filename)s:%(lineno)d} %(levelname)s - %(message)s")
        )
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.write(self.format(record) + "\n")
        except Exception:  # as every handler of logging does: a bad log call must not end the task
            self.handleError(record)


@contextmanager
def captured() -> Iterator[CapturedOutput]:
    """Copy what is printed and logged meanwhile; it still goes where it went (CloudWatch on Lambda)."""
    output = CapturedOutput()
    handler = _LogHandler(output)
    root = logging.getLogger()
    level, stdout, stderr = root.level, sys.stdout, sys.stderr
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO) if level else logging.INFO)
    sys.stdout, sys.stderr = _Tee(stdout, output), _Tee(stderr, output)  # type: ignore[assignment]
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        root.setLevel(level)
        root.removeHandler(handler)
