"""Airflow 3's ``get_current_context``."""

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.running import context


def get_current_context() -> context.Context:
    """The context of the task that is running; raises ``RuntimeError`` outside of one."""
    try:
        return context.get_current_context()
    except AirflowException as error:
        raise RuntimeError(str(error)) from None
