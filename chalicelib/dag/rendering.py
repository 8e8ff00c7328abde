"""What a task's templates come to in a run, without running the task."""

from typing import Any

from chalicelib.dag import airflow_names
from chalicelib.dag.context import context_of, dag_run_of, running_in
from chalicelib.dag.dag import DAG
from chalicelib.dag.task_instance import TaskInstance, XComs
from chalicelib.dag.templates import render_template_fields
from chalicelib.domain.runs.outcomes import TryRequest


def rendered_fields(dag: DAG, request: TryRequest, xcoms: XComs) -> dict[str, Any]:
    """The templated attributes of a task of a loaded DAG by name, as a try would see them.

    Raises ``TaskNotFound`` for a task that the DAG does not have, and whatever the templates and what
    they call raise.
    """
    task = dag.get_task(request.task_id).copy_for_execution()
    ti = TaskInstance(task=task, request=request, dag_run=dag_run_of(request), xcoms=xcoms)
    with airflow_names.importable(dag.dags_folder):
        context = context_of(ti)
        with running_in(context):
            render_template_fields(task, context)
    return {name: getattr(task, name) for name in task.template_fields}
