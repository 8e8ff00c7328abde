"""The rendered templates of a task, without running the task."""

from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.running.context import context_of, running_in
from chalicelib.authoring.running.expanded import unmap
from chalicelib.authoring.running.pulls import XComs
from chalicelib.authoring.running.task_instance import task_instance_of
from chalicelib.authoring.running.templates import prepare_templates, render_template_fields
from chalicelib.domain.runs.outcomes import TryRequest


def rendered_fields(dag: DAG, request: TryRequest, xcoms: XComs) -> dict[str, Any]:
    """The templated attributes of a task of a loaded DAG by name, as a try would see them.

    Raises ``TaskNotFound`` for a task that the DAG does not have, ``RuntimeError`` for a mapped one
    without a map index, and whatever the templates and what they call raise.
    """
    ti = task_instance_of(dag, request, xcoms)
    with finder.importable(dag.dags_folder):
        context = context_of(ti)
        with running_in(context):
            as_they_are = unmap(ti, context)
            prepare_templates(ti.task)
            render_template_fields(ti.task, context, as_they_are)
    return {name: getattr(ti.task, name) for name in ti.task.template_fields}
