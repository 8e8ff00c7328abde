"""``@setup`` and ``@teardown``: functions whose calls make setup and teardown tasks."""

import types
from collections.abc import Callable
from typing import Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.setup_teardown import ContextWrapper, Role
from chalicelib.authoring.taskflow.decorators import TaskFactory, task

__all__ = ["ContextWrapper", "context_wrapper", "setup", "teardown"]

context_wrapper = ContextWrapper


def setup(function: Any) -> TaskFactory:
    """Make a setup of a function, or of one that is decorated with a kind of ``@task`` already."""
    return _factory(function).with_role(Role(is_setup=True))


def teardown(function: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Make a teardown, as above; may be written with or without arguments."""
    role = Role(is_teardown=True, on_failure_fail_dagrun=on_failure_fail_dagrun)

    def decorate(decorated: Callable[..., Any]) -> TaskFactory:
        return _factory(decorated).with_role(role)

    return decorate if function is None else decorate(function)


def _factory(function: Any) -> TaskFactory:
    if isinstance(function, TaskFactory):
        return function
    if not isinstance(function, types.FunctionType):
        raise AirflowException("Only functions and tasks can be marked as setup or teardown, no task groups.")
    made: TaskFactory = task(function)
    return made
