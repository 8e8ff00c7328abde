"""``RunTry``, ``RunCallbacks``, ``RunWindow`` and ``AskTimetable`` of the worker, each call a process."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from chalicelib.authoring import clock
from chalicelib.domain.connections import NO_CONNECTIONS, ConnectionsOfDagFiles
from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest, WindowResult
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.custom import TimetableAnswer, TimetableQuestion
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.ports.worker import (
    AskTimetable,
    RunCallbacks,
    RunningXComs,
    RunTry,
    RunWindow,
    TryReport,
)
from chalicelib.user_code.environment import secrets_of, without_the_engines
from chalicelib.user_code.fork_server_client import ForkServerGone, forget, fork_server
from chalicelib.user_code.jobs import Job, Request
from chalicelib.user_code.no_xcoms import NoXComs, RefusedXComs
from chalicelib.user_code.scratch import Leftovers, scratch_folder, shared_temporary_folder
from chalicelib.user_code.surroundings import Surroundings
from chalicelib.user_code.task_log import TaskLog
from chalicelib.user_code.watch import NotBegun, TryEnd, Watch

_LONGEST_WINDOW = timedelta(seconds=90)
"""What a window may take in all; then its process is ended."""

_BEGINNINGS = 3
"""How often a try is handed over whose process was never there: a killed fork server is replaced."""

_XCOM_BACKEND = "airflow.models.xcom.BaseXCom"
"""Airflow's own, and its default."""

Environ = Callable[[], Mapping[str, str]]
"""Gives the environment that user code is to have now; what it raises as ``UpdraftError`` fails the try."""


def own_environment() -> Mapping[str, str]:
    """The environment of this process, without the engine's key to connections."""
    return without_the_engines(os.environ)


def run_try(
    dags_folder: Path,
    variables: VariablesOfDagFiles,
    environment: Environ = own_environment,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> RunTry:
    """A runner over the DAG files of a folder, as they are on disk when a try begins.

    ``variables`` and ``connections`` are what the files find as such, when they are loaded as well as when
    their tasks run; what is in ``secrets`` comes before.
    """

    def run(request: TryRequest, xcoms: RunningXComs) -> TryReport:
        task_log = TaskLog(_secrets())
        if not (dags_folder / request.fileloc).is_file():
            reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
            return TryReport(outcome=TryOutcome(result=TryResult.REMOVED, reason=reason), log=b"")
        around = Surroundings(
            xcoms=xcoms,
            variables=variables,
            find_previous_success=request.find_previous_success,
            find_task_instances=request.find_task_instances,
            datasets=request.datasets,
            connections=connections,
            secrets=secrets,
            other_runs=request.other_runs,
        )
        end = _in_a_process(dags_folder, request, around, task_log, environment)
        outcome = _outcome_of(end, task_log)
        return TryReport(outcome=_redacted(outcome, task_log), log=task_log.content)

    return run


def run_callbacks(
    dags_folder: Path,
    variables: VariablesOfDagFiles,
    environment: Environ = own_environment,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> RunCallbacks:
    """Calls callbacks as the DAG files of a folder define them now; they find what ``run_try`` says.

    Where the file or the DAG is not there any more, that is logged and all there is to it.
    """

    def run(request: CallbackRequest, xcoms: RunningXComs) -> bytes:
        task_log = TaskLog(_secrets())
        if not (dags_folder / request.fileloc).is_file():
            reason = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
            task_log.say(logging.WARNING, f"{request.kind} is not called: {reason}")
            return task_log.content
        around = Surroundings(
            xcoms=xcoms,
            variables=variables,
            find_task_instances=request.find_task_instances,
            connections=connections,
            secrets=secrets,
        )
        end = _in_a_process(dags_folder, request, around, task_log, environment)
        if end.outcome is None:
            what = "did not end" if end.has_begun else "is not called"
            task_log.say(logging.ERROR, f"{request.kind} {what}: {end.reason}")
        return task_log.content

    return run


def run_window(
    dags_folder: Path,
    variables: VariablesOfDagFiles,
    environment: Environ = own_environment,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> RunWindow:
    """A runner of triggers, as the DAG files of a folder are on disk when a window begins.

    They find variables, connections and secrets as tries do.

    Those of a window share a process. When it ends early, each that has told no end by then is run alone:
    one that blocks, or takes the process with it, is known by that.
    """

    def run(request: WindowRequest) -> tuple[WindowOutcome, ...]:
        began = time.monotonic()
        around = partial(
            Surroundings,
            xcoms=RefusedXComs(),
            variables=variables,
            connections=connections,
            secrets=secrets,
            other_runs=request.other_runs,
        )
        ends, _ = _ends_of_window(dags_folder, request, around(), environment)
        for index, trigger in enumerate(request.triggers):
            if index not in ends:
                left = _left(request.time_left, time.monotonic() - began)
                alone = replace(request, triggers=(trigger,), time_left=left)
                ends[index] = _end_alone(dags_folder, alone, around(), environment)
        return tuple(ends[index] for index in range(len(request.triggers)))

    return run


def _end_alone(
    dags_folder: Path, request: WindowRequest, around: Surroundings, environment: Environ
) -> WindowOutcome:
    if request.time_left is not None and request.time_left < _LONGEST_WINDOW:
        due_at = clock.current().now() + _LONGEST_WINDOW
        return WindowOutcome(result=WindowResult.WAITS, due_at=due_at)
    ends, reason = _ends_of_window(dags_folder, request, around, environment)
    broken = WindowOutcome(result=WindowResult.BROKEN, traceback=f"The window of the trigger: {reason}")
    return ends.get(0, broken)


def _ends_of_window(
    dags_folder: Path, request: WindowRequest, around: Surroundings, environment: Environ
) -> tuple[dict[int, WindowOutcome], str]:
    """The ends that were told, by place, and why a process told no more of them."""
    if not (dags_folder / request.fileloc).is_file():
        return {}, f"there is no {request.fileloc} any more"
    task_log = TaskLog(_secrets())
    time_left = _LONGEST_WINDOW if request.time_left is None else min(request.time_left, _LONGEST_WINDOW)
    bounded = replace(request, time_left=time_left)
    end = _in_a_process(dags_folder, bounded, around, task_log, environment)
    ends = {
        index: replace(outcome, traceback=task_log.redacted(outcome.traceback))
        if outcome.traceback
        else outcome
        for index, outcome in around.windows.items()
    }
    return ends, task_log.redacted(end.reason)


def _left(time_left: timedelta | None, seconds: float) -> timedelta | None:
    return None if time_left is None else time_left - timedelta(seconds=seconds)


def ask_timetable(
    dags_folder: Path,
    variables: VariablesOfDagFiles,
    environment: Environ = own_environment,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> AskTimetable:
    """Asks timetables as the DAG files of a folder define them now; they find what ``run_try`` says."""

    def ask(question: TimetableQuestion) -> TimetableAnswer:
        task_log = TaskLog(_secrets())
        if not (dags_folder / question.fileloc).is_file():
            return TimetableAnswer(
                error=f"{question.fileloc} does not define the DAG {question.dag_id} any more"
            )
        around = Surroundings(xcoms=NoXComs(), variables=variables, connections=connections, secrets=secrets)
        end = _in_a_process(dags_folder, question, around, task_log, environment)
        if end.answer is None or end.is_cut_short:
            return TimetableAnswer(error=task_log.redacted(end.reason or "it gave no answer"))
        return replace(end.answer, error=task_log.redacted(end.answer.error))

    return ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """What came of rendering the templates of a task."""

    fields: Mapping[str, str] | None
    """The templated attributes as texts; None where they could not be rendered."""
    reason: str = ""
    """Why not."""
    log: bytes = b""
    """What the DAG file, its templates and their macros printed."""


def render_try(
    dags_folder: Path,
    variables: VariablesOfDagFiles,
    environment: Environ = own_environment,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> Callable[[TryRequest, RunningXComs], Rendering]:
    """Renders templates of tasks as a try would, which find what ``run_try`` says; nothing is run."""

    def render(request: TryRequest, xcoms: RunningXComs) -> Rendering:
        task_log = TaskLog(_secrets())
        around = Surroundings(xcoms=xcoms, variables=variables, connections=connections, secrets=secrets)
        end = _in_a_process(dags_folder, request, around, task_log, environment, renders_only=True)
        reason = end.outcome.reason if end.outcome is not None else end.reason
        return Rendering(fields=end.rendered, reason=task_log.redacted(reason), log=task_log.content)

    return render


def _in_a_process(
    dags_folder: Path,
    request: Request,
    around: Surroundings,
    task_log: TaskLog,
    environment: Environ,
    *,
    renders_only: bool = False,
) -> TryEnd:
    try:
        environ = environment()
    except UpdraftError as error:
        return TryEnd(reason=str(error), has_begun=False)
    if refusal := _refused_option(environ):
        return TryEnd(reason=refusal, has_begun=False)
    for secret in secrets_of(environ):
        task_log.hide(secret)
    leftovers = Leftovers(shared_temporary_folder())
    with scratch_folder() as scratch:
        job = Job(
            request=request,
            scratch=str(scratch),
            has_virtual_clock=not isinstance(clock.current(), clock.RealClock),
            renders_only=renders_only,
        )
        try:
            return _begun(dags_folder.absolute(), job, around, task_log, environ, leftovers)
        finally:
            leftovers.remove()


def _refused_option(environ: Mapping[str, str]) -> str | None:
    """Why nothing may run with these options: values would not be kept where the user wants them."""
    backend = environ.get("AIRFLOW__CORE__XCOM_BACKEND", _XCOM_BACKEND)
    if backend == _XCOM_BACKEND:
        return None
    return (
        f"Updraft does not offer XCom backends: take AIRFLOW__CORE__XCOM_BACKEND={backend} away. "
        "Values of any size are kept, those above 16 kB in the bucket"
    )


def _begun(
    folder: Path,
    job: Job,
    around: Surroundings,
    task_log: TaskLog,
    environ: Mapping[str, str],
    leftovers: Leftovers,
) -> TryEnd:
    for _ in range(_BEGINNINGS):
        server = fork_server(environ)
        watch = Watch(server, folder, job, around, task_log, on_begin=leftovers.begin)
        try:
            return watch.run()
        except ForkServerGone:
            forget(server)
        except NotBegun:
            continue
    return TryEnd(reason="no process could be started for it", has_begun=False)


def _redacted(outcome: TryOutcome, task_log: TaskLog) -> TryOutcome:
    error = None if outcome.error is None else task_log.redacted(outcome.error)
    return replace(outcome, reason=task_log.redacted(outcome.reason), error=error)


def _outcome_of(end: TryEnd, task_log: TaskLog) -> TryOutcome:
    """What the try came to, as far as it told; without that it has failed, for the reason of its end."""
    outcome = end.outcome
    if outcome is not None and not (end.is_cut_short and outcome.result is TryResult.FAILED):
        return outcome
    if outcome is None:
        task_log.say(logging.ERROR, f"The try has failed: {end.reason}")
    return TryOutcome(result=TryResult.FAILED, reason=end.reason)


def _secrets() -> tuple[str, ...]:
    return secrets_of(os.environ)
