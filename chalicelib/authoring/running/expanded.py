"""One instance of an expanded task: its operator, its name, and what is mapped over its output."""

from collections.abc import Sequence
from typing import Any

from chalicelib.authoring.exceptions import (
    UnmappableXComLengthPushed,
    UnmappableXComTypePushed,
    XComForMappingNotPushed,
)
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.mapped_operator import MappedOperator, is_mapped_over, needs_expansion
from chalicelib.authoring.running.context import Context, params_of
from chalicelib.authoring.running.task_instance import TaskInstance
from chalicelib.authoring.running.templates import Renderer
from chalicelib.authoring.surroundings.configuration import conf

LONGEST_RENDERED_MAP_INDEX = 250
"""Characters of an instance's name (the width of Airflow's column)."""

_DEFAULT_MAX_MAP_LENGTH = 1024
"""Airflow's default of ``[core] max_map_length``."""


def unmap(ti: TaskInstance, context: Context) -> Sequence[Any]:
    """Make the operator that an instance of a mapped task runs; the context's ``task`` from then on.

    Returns the values that are not to be rendered any more. Of other tasks the operator stays, and there
    are none. Raises what the functions given to ``map`` and the operator's constructor raise,
    ``RuntimeError`` for an instance that is not expanded.
    """
    task = ti.task
    if not isinstance(task, MappedOperator):
        return ()
    if ti.map_index < 0:
        raise RuntimeError(
            "can't resolve task-mapping argument without expanding: "
            f"if {task.task_id} was not mapped when the run began, trigger another run"
        )
    arguments = task.expand_input.arguments(context, ti.map_index)
    ti.task = context["task"] = task.unmap(arguments.values)
    context["params"] = params_of(ti)
    return arguments.as_they_are


def name_by_template(ti: TaskInstance, context: Context) -> None:
    """Give the instance the name that ``map_index_template`` makes; raises what the template raises."""
    template = context["map_index_template"]
    if template is not None:
        name = Renderer(ti.task, context).render_template(template)
        ti.rendered_map_index = name[:LONGEST_RENDERED_MAP_INDEX]


def name_of_failed(ti: TaskInstance, context: Context) -> None:
    """The same after a failure; a template that is wrong or names what is not there changes nothing."""
    import jinja2

    try:
        name_by_template(ti, context)
    except (jinja2.TemplateSyntaxError, jinja2.UndefinedError):
        return


def output_length(task: BaseOperator, ti: TaskInstance, result: Any) -> int | None:
    """How many items a task's output has to map over; None where nothing is mapped over it.

    That of a mapped task counts by its instances: 1 for each that returned a value. Raises the exceptions
    of Airflow for a value that cannot be mapped over.
    """
    if not is_mapped_over(task):
        return None
    if isinstance(task, MappedOperator):
        return int(ti.has_returned_value)
    check_mappable(result)
    return int(ti.has_returned_value) if needs_expansion(task) else len(result)


def length_without_success(ti: TaskInstance) -> int | None:
    """The same of an instance that failed or was skipped: 1 if it pushed a return value by hand before.

    Airflow counts the values of a mapped task, whatever became of the instances.
    """
    return 1 if ti.has_returned_value and ti.map_index >= 0 and is_mapped_over(ti.task) else None


def check_mappable(value: Any) -> None:
    """Raise one of Airflow's exceptions for a returned value that cannot be mapped over."""
    if value is None:
        raise XComForMappingNotPushed
    if not isinstance(value, Sequence | dict) or isinstance(value, str | bytes):
        raise UnmappableXComTypePushed(value)
    longest = conf.getint("core", "max_map_length", fallback=_DEFAULT_MAX_MAP_LENGTH)
    if len(value) > longest:
        raise UnmappableXComLengthPushed(value, longest)
