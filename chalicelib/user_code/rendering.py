"""The rendered templates of a task in a run, asked from outside: nothing runs, nothing is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.messages import RunTask
from chalicelib.domain.runs.dag_runs import DagRun, generated_run_id
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of
from chalicelib.engine.lookup import get_dag
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.engine.runs.create import RunRequest, new_run
from chalicelib.engine.tasks.inputs import task_xcoms, try_request
from chalicelib.user_code.runner import Rendering

Render = Callable[[TryRequest, RunningXComs], Rendering]
"""See ``runner.render_try``."""

_FIRST_TRY = 1


class RenderingFailed(UpdraftError):
    """The DAG file has no such DAG any more, or a template raised; the text says what."""

    code = "rendering_failed"


def planned_run(engine: Engine, dag_id: str, execution_date: datetime) -> DagRun:
    """The run that a trigger for that instant (aware) would make; raises ``DagNotFound``. 1 request."""
    request = RunRequest(dag_id=dag_id, execution_date=execution_date, triggered_by="rendering")
    run_id = generated_run_id(request.run_type, execution_date)
    return new_run(engine, get_dag(engine, dag_id), request, run_id)


@contextmanager
def without_the_others(engine: Engine, run: DagRun, task_id: str, map_index: int) -> Iterator[None]:
    """Let the engine know that task alone of a planned run, also where its dates exclude the run.

    Raises ``TaskNotFound``. 1 request.
    """
    graph = graph_of(engine, run.dag_id, run.version)
    engine.graphs[run.dag_id, run.version] = graph.alone(task_id, max(map_index, 0))
    try:
        yield
    finally:
        engine.graphs[run.dag_id, run.version] = graph


def render_task(
    engine: Engine, render: Render, run: DagRun, task_id: str, map_index: int = NOT_MAPPED
) -> Rendering:
    """The templated attributes of a task by name, as its present or first try in the run would see them.

    XComs are those that the run has by now. Raises ``DagNotFound``, ``TaskNotFound``, ``RenderingFailed``. 2
    requests, and those of the templates.
    """
    dag = get_dag(engine, run.dag_id)
    task = graph_of(engine, run.dag_id, run.version).task(task_id)
    item = engine.instance_of(run.run_uid, task, map_index)
    message = RunTask(
        run=run.facts(run.start_date or run.queued_at),
        task_id=task_id,
        map_index=map_index,
        try_number=item.try_number or _FIRST_TRY,
        max_tries=item.max_tries or 0,
    )
    request = try_request(engine, message, item, dag.fileloc)
    rendering = render(request, task_xcoms(engine, item, run.execution_date))
    if rendering.fields is None:
        raise RenderingFailed(f"Task {item.name} cannot be rendered: {rendering.reason}")
    return rendering
