"""``run_try``: one try of one task, from its context and templates to its outcome."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.dates import as_utc, utcnow
from chalicelib.authoring.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    SensorSleeps,
    TaskDeferred,
)
from chalicelib.authoring.model import lineage
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY
from chalicelib.authoring.running import (
    callbacks,
    deferring,
    expanded,
    hook_lineage,
    kept_exceptions,
    listening,
    missing_on_lambda,
)
from chalicelib.authoring.running.alerts import send_alert
from chalicelib.authoring.running.context import Context, context_of, running_in
from chalicelib.authoring.running.environment import exported
from chalicelib.authoring.running.pulls import XComs
from chalicelib.authoring.running.task_instance import TaskInstance, task_instance_of
from chalicelib.authoring.running.templates import Renderer, prepare_templates, render_template_fields
from chalicelib.authoring.running.time_limits import ending_on_sigterm, time_limit
from chalicelib.authoring.surroundings.secrets_masker import redact
from chalicelib.domain.runs.outcomes import MAX_REASON_LENGTH, TryOutcome, TryRequest, TryResult

log = logging.getLogger("airflow.task")
"""The user's log: what a task logs and raises."""

__all__ = ["XComs", "run_try"]


_FAILURES = frozenset({TryResult.FAILED, TryResult.FAILED_FOR_GOOD})
_PAUSES = frozenset({TryResult.RESCHEDULED, TryResult.DEFERRED})


def run_try(dag: DAG, request: TryRequest, xcoms: XComs) -> TryOutcome:
    """Run one try of a task of a loaded DAG.

    Whatever the task's code raises is part of the answer and never raised here; that includes what the
    XComs raise when the task pushes or pulls. The log goes to the loggers ``airflow.task...``, at level
    INFO and above.
    """
    if not dag.has_task(request.task_id):
        reason = f"the deployed DAG {dag.dag_id} has no task {request.task_id}"
        return TryOutcome(result=TryResult.REMOVED, reason=reason)
    ti = task_instance_of(dag, request, xcoms)
    with finder.importable(dag.dags_folder), hook_lineage.collecting():
        return _run(ti)


def _run(ti: TaskInstance) -> TryOutcome:
    raised: BaseException | None = None
    context: Context | None = None
    try:
        context = context_of(ti)
        with running_in(context), ending_on_sigterm(lambda: ti.task.on_kill()):
            length = _execute(ti, context)
        outcome = _success_of(ti, context, length)
    except BaseException as error:  # SystemExit and KeyboardInterrupt of user code end the task, not us
        outcome = _outcome_of_deferred(ti, error) if isinstance(error, TaskDeferred) else _outcome_of(error)
        raised = error
        if outcome.result not in _PAUSES:
            outcome = replace(outcome, output_length=expanded.length_without_success(ti))
        if outcome.result in _FAILURES:
            outcome = replace(outcome, error=_kept_for_callbacks(ti.task, error))
            send_alert(ti, context or Context(), outcome.result, error)
    listening.tell_of_changes(outcome.dataset_changes)
    listening.tell_of_end(ti, outcome.result, raised)
    return replace(outcome, rendered_map_index=ti.rendered_map_index)


def _execute(ti: TaskInstance, context: Context) -> int | None:
    """Run the task to its end; returns the length of its output where something is mapped over that."""
    task_of_dag = ti.task
    as_they_are = expanded.unmap(ti, context)
    task = ti.task
    prepare_templates(task)
    render_template_fields(task, context, as_they_are)
    lineage.prepare(ti, context, Renderer(task, context).render)
    with exported(context):
        if not ti.goes_on:  # else it has begun, and slept since
            task.pre_execute(context)
            callbacks.call(task.on_execute_callback, context)
            listening.tell_of_begin(ti)
        with _named_in_any_case(ti, context):
            result = _result_of(task, context)
            length = _push_result(ti, task_of_dag, result)
        task.post_execute(context, result)
    lineage.hand_on(ti)
    return length


@contextmanager
def _named_in_any_case(ti: TaskInstance, context: Context) -> Iterator[None]:
    """Name the instance by its template, whatever comes of the code inside."""
    try:
        yield
    except Exception:
        expanded.name_of_failed(ti, context)
        raise
    expanded.name_by_template(ti, context)


def _success_of(ti: TaskInstance, context: Context, output_length: int | None) -> TryOutcome:
    by_hooks = hook_lineage.get_hook_lineage_collector().collected_datasets
    return TryOutcome(
        result=TryResult.SUCCESS,
        output_length=output_length,
        skip=frozenset(ti.skipped),
        inlets=hook_lineage.shown(ti.task.inlets, by_hooks.inputs),
        outlets=hook_lineage.shown(ti.task.outlets, by_hooks.outputs),
        dataset_changes=context["outlet_events"].changes_of(ti.task.outlets),
    )


def _result_of(task: BaseOperator, context: Context) -> Any:
    try:
        with time_limit(_time_left(context["ti"]), _timeout_text(task)):
            return _begun_or_gone_on(task, context)
    except AirflowTaskTimeout:
        task.on_kill()
        raise
    except SystemExit as error:
        if error.code:
            raise
        return None  # Airflow's rule: a task that exits with success has succeeded


def _begun_or_gone_on(task: BaseOperator, context: Context) -> Any:
    deferral = context["ti"].deferral
    if deferral is not None:
        return deferring.go_on(task, deferral, context)
    if (start := deferring.start_of(task)) is not None:
        raise start
    return task.execute(context)


def _time_left(ti: TaskInstance) -> timedelta | None:
    """What is left of a task's time; what slept or was deferred has used some of it."""
    limit = ti.task.execution_timeout
    if limit is None or not (ti.goes_on or ti.deferral):
        return limit
    left = limit - (utcnow() - ti.began_at)
    if left <= timedelta():
        raise AirflowTaskTimeout() if ti.deferral else AirflowTaskTimeout(_timeout_text(ti.task))
    return left


def _timeout_text(task: BaseOperator) -> str:
    return f"Task {task.task_id} ran longer than {task.execution_timeout}"


def _push_result(ti: TaskInstance, task_of_dag: BaseOperator, result: Any) -> int | None:
    breaks_off = ti.skipped and ti.task.dag.is_of_airflow_3  # Airflow 3 ends a task when it orders skips
    pushed = result if ti.task.do_xcom_push and not breaks_off else None
    if pushed is not None:
        if ti.task.multiple_outputs:
            for key, value in _outputs(pushed).items():
                ti.xcom_push(key, value)
        ti.xcom_push(XCOM_RETURN_KEY, pushed)
    return expanded.output_length(task_of_dag, ti, pushed)


def _outputs(result: Any) -> Mapping[str, Any]:
    if not isinstance(result, Mapping):
        raise AirflowException(
            f"Returned output was type {type(result)} expected dictionary for multiple_outputs"
        )
    for key in result:
        if not isinstance(key, str):
            raise AirflowException(
                "Returned dictionary keys must be strings when using multiple_outputs, "
                f"found {key} ({type(key)}) instead"
            )
    return result


def _outcome_of_deferred(ti: TaskInstance, deferred: TaskDeferred) -> TryOutcome:
    try:
        asked = deferring.asked_deferral(ti.task, deferred, ti.began_at)
    except Exception as error:
        return _outcome_of(error)
    log.info("Pausing task as DEFERRED. It waits for %s", asked.classpath)
    return TryOutcome(result=TryResult.DEFERRED, deferring=asked)


def _outcome_of(error: BaseException) -> TryOutcome:
    """What a try that raised came to; the user's log gets the traceback, or for a skip the text."""
    reason = _reason(error)
    if isinstance(error, AirflowSkipException):
        log.info("%s", error or "Skipped by the task")
        return TryOutcome(result=TryResult.SKIPPED, reason=reason)
    if isinstance(error, SensorSleeps):
        log.info("Poking again at %s", error.until)
        return TryOutcome(
            result=TryResult.RESCHEDULED, reschedule_date=error.until, pokes=error.pokes, keeps_slots=True
        )
    if isinstance(error, AirflowRescheduleException) and isinstance(error.reschedule_date, datetime):
        log.info("Rescheduling task, marking task as UP_FOR_RESCHEDULE")
        return TryOutcome(result=TryResult.RESCHEDULED, reschedule_date=as_utc(error.reschedule_date))
    log.error("Task failed with exception", exc_info=error)
    if advice := missing_on_lambda.advice_on(error):
        log.error("%s", advice)
    for_good = isinstance(error, AirflowFailException | AirflowSensorTimeout)
    return TryOutcome(result=TryResult.FAILED_FOR_GOOD if for_good else TryResult.FAILED, reason=reason)


def _kept_for_callbacks(task: BaseOperator, error: BaseException) -> str | None:
    if not (task.on_failure_callback or task.on_retry_callback):
        return None
    return kept_exceptions.kept_of(error)


def _reason(error: BaseException) -> str:
    first_line = next(iter(str(error).strip().splitlines()), "")
    text = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return redact(text)[:MAX_REASON_LENGTH]  # first, for of a secret that is cut a part would show
