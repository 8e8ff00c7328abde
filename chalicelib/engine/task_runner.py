"""The worker's hands: finds the task in its deployed DAG file, runs it, and keeps what it logs."""

import logging
from dataclasses import replace
from functools import cache
from pathlib import Path

from chalicelib.dag.callbacks import run_callbacks as run_callbacks_in_dag
from chalicelib.dag.execution import run_try as run_in_dag
from chalicelib.dag.loader import DagFileError, DagFiles
from chalicelib.dag.ports import Variables
from chalicelib.dag.secrets_masker import redact
from chalicelib.dag.variables import variables_in
from chalicelib.domain.callbacks import CallbackRequest
from chalicelib.domain.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine.ports import RunCallbacks, RunningXComs, RunTry, TryReport
from chalicelib.engine.task_log import captured_log

log = logging.getLogger("airflow.task")


def run_try(dags_folder: Path, variables: Variables) -> RunTry:
    """A runner over the DAG files of a folder; a loaded file is reused until it changes.

    ``variables`` are what the files find as such, when they are loaded as well as when their tasks run.
    """
    files = _files(dags_folder)

    def run(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        with captured_log(log) as kept, variables_in(variables):
            outcome = _run(files, request, xcoms)
        return TryReport(outcome=outcome, log=bytes(kept.content))

    return run


def run_callbacks(dags_folder: Path, variables: Variables) -> RunCallbacks:
    """Calls callbacks as the DAG files of a folder define them now; it shares the loaded files.

    Where the file or the DAG is not there any more, that is logged and all there is to it.
    """
    files = _files(dags_folder)

    def run(request: CallbackRequest, xcoms: RunningXComs) -> bytes:
        with captured_log(log) as kept, variables_in(variables):
            _call_back(files, request, xcoms)
        return bytes(kept.content)

    return run


@cache
def _files(dags_folder: Path) -> DagFiles:
    return DagFiles(dags_folder)


def _run(files: DagFiles, request: TryRequest, xcoms: RunningXComs) -> TryOutcome:
    try:
        dag = files.dag(request.dag_id, request.fileloc)
    except DagFileError as error:
        log.error("%s", error)
        return TryOutcome(result=TryResult.FAILED, reason=str(error))
    if dag is None:
        reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
        return TryOutcome(result=TryResult.REMOVED, reason=reason)
    outcome = run_in_dag(dag, request, xcoms)
    return replace(outcome, reason=redact(outcome.reason))


def _call_back(files: DagFiles, request: CallbackRequest, xcoms: RunningXComs) -> None:
    try:
        dag = files.dag(request.dag_id, request.fileloc)
    except DagFileError as error:
        log.error("%s is not called: %s", request.kind, error)
        return
    if dag is None:
        reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
        log.warning("%s is not called: %s", request.kind, reason)
        return
    run_callbacks_in_dag(dag, request, xcoms)
