"""The user's callbacks, called after the end of a try or of a run, in a process of its own."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.model.baseoperator import Callbacks
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running import expanded, listening
from chalicelib.authoring.running.context import Context, context_of, running_in
from chalicelib.authoring.running.kept_exceptions import exception_of
from chalicelib.authoring.running.pulls import XComs
from chalicelib.authoring.running.task_instance import TaskInstance, task_instance_of
from chalicelib.domain.graph.callbacks import CallbackKind, CallbackRequest, called_with

log = logging.getLogger("airflow.task")

_WITH_EXCEPTION = frozenset({CallbackKind.FAILURE, CallbackKind.RETRY})


def run_callbacks(dag: DAG, request: CallbackRequest, xcoms: XComs) -> None:
    """Call the callbacks of one kind, of a task or of the DAG, each on its own.

    The context is Airflow's. A failed try's ``exception`` is made of what was kept of it: the try
    ran in another process, if it came to an end at all. After the callbacks of a skip those of success are
    called, as in Airflow 2. The operator of an instance of a mapped task is made once more, which costs the
    requests of its arguments. The DAG's callbacks get the context of the last of the run's task instances,
    with the ``reason`` of the run's end; listeners of plugins hear of the run before. What a callback raises
    is logged and never raised here.
    """
    tis = _task_instances(dag, request, xcoms)
    if not tis:
        log.warning("%s is not called: the deployed DAG %s has no such task", request.kind, dag.dag_id)
        return
    ti = tis[-1]
    with finder.importable(dag.dags_folder):
        context = context_of(ti, with_invalid_params=True)
        if request.of_dag:
            context["reason"] = request.reason
        elif request.kind in _WITH_EXCEPTION:
            context["exception"] = exception_of(request.reason, request.error)
        with running_in(context):
            if request.of_dag:
                listening.tell_of_run(request.kind, ti.dag_run, request.reason)
                call(getattr(dag, request.kind, None), context)
                return
            _unmap(ti, context)
            for kind in (request.kind,) if dag.is_of_airflow_3 else called_with(request.kind):
                call(getattr(ti.task, kind), context)


def call(callbacks: Callbacks, context: Context) -> None:
    """Call the user's callbacks; one that raises is logged and changes nothing, as in Airflow."""
    listed: Sequence[Any] = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    for callback in listed:
        if callback is None:
            continue
        name = getattr(callback, "__name__", type(callback).__name__)
        log.info("Executing callback %s", name)
        try:
            callback(context)
        except (Exception, SystemExit):
            log.exception("Error when executing callback %s", name)


def _unmap(ti: TaskInstance, context: Context) -> None:
    """Let the callbacks of an instance see its own operator; if none can be made, the mapped one."""
    if ti.map_index < 0:
        return
    try:
        expanded.unmap(ti, context)
    except (Exception, SystemExit):  # functions given to map, constructors: the user's
        log.warning("%s has no operator of its own; its callbacks see the mapped one", ti, exc_info=True)


def _task_instances(dag: DAG, request: CallbackRequest, xcoms: XComs) -> list[TaskInstance]:
    """Those of the request whose tasks the DAG still has; the run knows them."""
    made: list[TaskInstance] = []
    for ended in request.instances:
        if not dag.has_task(ended.request.task_id):
            continue
        of_run: dict[str, Any] = {"state": request.run_state, "end_date": request.run_end_date}
        if request.of_dag:
            of_run["find_task_instances"] = lambda: made
        of_try = replace(ended.request, find_task_instances=request.find_task_instances)
        ti = task_instance_of(dag, of_try, xcoms, **of_run)
        ti.has_become(ended)
        made.append(ti)
    return made
