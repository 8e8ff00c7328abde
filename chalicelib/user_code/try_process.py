"""A try in its own process: forked from the template of its DAG file, it runs user code once and ends."""

import contextlib
import faulthandler
import io
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.authoring import clock
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running import callbacks, execution, rendering, timetables
from chalicelib.authoring.surroundings import (
    configuration,
    connections,
    secrets,
    secrets_masker,
    variables,
)
from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.runs.deferrals import WindowRequest
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.custom import TimetableQuestion
from chalicelib.user_code.frames import Channel, Requests, TooLong
from chalicelib.user_code.jobs import Job, answer_frame, outcome_frame, rendered_frame
from chalicelib.user_code.output import OutputWriter, Prints, RecordsToWorker
from chalicelib.user_code.process_tree import adopt_orphans, die_with_parent
from chalicelib.user_code.surroundings import (
    AskedClock,
    AskedConnections,
    AskedDatasets,
    AskedOtherRuns,
    AskedSecrets,
    AskedVariables,
    AskedXComs,
    asked_option,
    asked_previous_success,
    asked_task_instances,
    tell_window,
)
from chalicelib.user_code.warm_up import rehearse

log = logging.getLogger("airflow.task")

_FDS = 2
"""Stream and output."""

_MOST_EXPENDABLE = "1000"
"""Of ``oom_score_adj``: when memory runs out the kernel ends this process first, not the worker."""


def await_a_try(template: socket.socket, dags: dict[str, DAG], *, ahead_of_time: bool) -> None:
    """Be ready for a try; when its stream and output come, run its job. The caller then ends the process.

    With ``ahead_of_time`` there is time until then, which is used to touch, and so copy, the memory that a
    try touches: it need not wait for that.
    """
    os.setsid()  # leader of a group of its own, so that all of it can be told to end
    die_with_parent()
    adopt_orphans()
    _be_expendable()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable(2)  # what a crash in native code was about is in the log, then
    if ahead_of_time:
        _rehearse()
    asked, descriptors, _, _ = socket.recv_fds(template, 1, _FDS)
    template.close()
    if asked:
        stream, output = descriptors
        _run_a_try(socket.socket(fileno=stream), output, dags)


def _rehearse() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()  # nobody answers: a question would fail, and not be waited for
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with ours, writing_to(nowhere), asking(Requests(Channel(ours))):
        rehearse()
    os.close(nowhere)


def _run_a_try(stream: socket.socket, output: int, dags: dict[str, DAG]) -> None:
    channel = Channel(stream)
    requests = Requests(channel)
    with writing_to(output):
        os.close(output)
        frame = channel.receive()
        if frame is None:
            return  # the worker is gone
        job = Job.of_frame(*frame)
        os.chdir(job.scratch)
        os.environ["TMPDIR"], tempfile.tempdir = job.scratch, None
        with asking(requests, has_virtual_clock=job.has_virtual_clock):
            end = _done(job, dags, requests)
    try:
        requests.tell(end)
    except TooLong as error:
        requests.tell(outcome_frame(TryOutcome(result=TryResult.FAILED, reason=f"Its outcome: {error}")))


@contextlib.contextmanager
def writing_to(output: int) -> Iterator[None]:
    """Let what is printed and logged, by whatever means, go to that descriptor.

    Changes the whole process. Secrets that are known, and those that become known, are told there first.
    """
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    writer = OutputWriter(1)
    root = logging.getLogger()
    root.handlers[:] = [RecordsToWorker(writer)]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    streams = _unbuffered(1), _unbuffered(2)
    sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]  # "final", but for those who replace them
    sys.stdout, sys.stderr = prints = tuple(Prints(log, stream) for stream in streams)
    with secrets_masker.telling_secrets(writer.secret):
        try:
            yield
        finally:
            for writing in prints:
                writing.finish()


@contextlib.contextmanager
def asking(
    requests: Requests, *, has_virtual_clock: bool = False, secrets_backend: str = ""
) -> Iterator[None]:
    """Let user code find variables and the like, and the time if it is no real one, by asking the worker.

    ``secrets_backend`` is the name of the one that is asked first; empty: that of the environment, if any.
    """
    backend = secrets_backend or os.environ.get("AIRFLOW__SECRETS__BACKEND", "").rpartition(".")[2]
    with contextlib.ExitStack() as stack:
        stack.enter_context(variables.variables_in(AskedVariables(requests)))
        stack.enter_context(connections.connections_in(AskedConnections(requests)))
        if backend:
            stack.enter_context(secrets.secrets_from(AskedSecrets(requests, backend)))
        stack.enter_context(configuration.configured_by(partial(asked_option, requests)))
        if has_virtual_clock:
            stack.enter_context(clock.living_by(AskedClock(requests)))
        yield


def _done(job: Job, dags: dict[str, DAG], requests: Requests) -> dict[str, Any]:
    """Do what is asked for; returns the header of the last frame."""
    request = job.request
    if isinstance(request, WindowRequest):
        return outcome_frame(_run_triggers(request, dags, requests))
    dag = dags.get(request.dag_id)
    if isinstance(request, TimetableQuestion):
        return answer_frame(timetables.answer_of(dag, request))
    if job.renders_only and isinstance(request, TryRequest) and dag is not None:
        return _rendered(request, dag, requests)
    return outcome_frame(_ran(request, dag, requests))


def _ran(request: TryRequest | CallbackRequest, dag: DAG | None, requests: Requests) -> TryOutcome:
    missing = f"{request.fileloc} does not define the DAG {request.dag_id} any more"
    if isinstance(request, CallbackRequest):
        if dag is None:
            log.warning("%s is not called: %s", request.kind, missing)
        else:
            asking_now = replace(request, find_task_instances=partial(asked_task_instances, requests))
            callbacks.run_callbacks(dag, asking_now, AskedXComs(requests))
        return TryOutcome(result=TryResult.SUCCESS)
    if dag is None:
        return TryOutcome(result=TryResult.REMOVED, reason=missing)
    return execution.run_try(dag, _knowing_its_run(request, requests), AskedXComs(requests))


def _rendered(request: TryRequest, dag: DAG, requests: Requests) -> dict[str, Any]:
    try:
        fields = rendering.rendered_fields(dag, _knowing_its_run(request, requests), AskedXComs(requests))
        return rendered_frame({name: str(value) for name, value in fields.items()})
    except Exception as error:  # templates and their macros are the user's: they may raise anything
        reason = f"{type(error).__name__}: {error}"
        return outcome_frame(TryOutcome(result=TryResult.FAILED, reason=reason))


def _run_triggers(request: WindowRequest, dags: dict[str, DAG], requests: Requests) -> TryOutcome:
    from chalicelib.authoring.running.windows import run_window

    folder = next((dag.dags_folder for dag in dags.values()), None)
    run_window(request, folder, partial(tell_window, requests), AskedOtherRuns(requests))
    return TryOutcome(result=TryResult.SUCCESS)


def _knowing_its_run(request: TryRequest, requests: Requests) -> TryRequest:
    return replace(
        request,
        find_previous_success=partial(asked_previous_success, requests),
        find_task_instances=partial(asked_task_instances, requests),
        datasets=AskedDatasets(requests),
        other_runs=AskedOtherRuns(requests),
    )


def _unbuffered(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def _be_expendable() -> None:
    with contextlib.suppress(OSError):  # where there is no such file, or it may not be written: as before
        Path("/proc/self/oom_score_adj").write_text(_MOST_EXPENDABLE)
