"""``EmptyOperator``: a task that does nothing, to join and to group others."""

from typing import TYPE_CHECKING, Any

from chalicelib.authoring.model.baseoperator import BaseOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class EmptyOperator(BaseOperator):
    """Does nothing; without callbacks and outlets it never reaches a worker."""

    ui_color = "#e8f7e4"
    inherits_from_empty_operator = True

    def execute(self, context: "Context") -> Any:
        """Do nothing."""
