"""The worker's hands: finds the task in its deployed DAG file, runs it, and keeps what it logs."""

import logging
from pathlib import Path

from chalicelib.dag.execution import run_try as run_in_dag
from chalicelib.dag.loader import DagFileError, DagFiles
from chalicelib.domain.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports import RunningXComs, RunTry, TryReport
from chalicelib.engine.task_log import captured_log

log = logging.getLogger("airflow.task")


def run_try(dags_folder: Path) -> RunTry:
    """A runner over the DAG files of a folder; a loaded file is reused until it changes."""
    files = DagFiles(dags_folder)

    def run(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        with captured_log(log) as kept:
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
