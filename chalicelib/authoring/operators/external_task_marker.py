"""``ExternalTaskMarker``: names a task of another DAG that is cleared with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.operators.empty import EmptyOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

SAME_DATE = "{{ logical_date.isoformat() }}"
"""The template of the run's own date."""

_OF_SAME_DATE = frozenset({SAME_DATE, "{{ execution_date.isoformat() }}", "{{ ts }}"})

XCOM_MARKED = "marked_task"
"""The key under which one whose templates only a run can render keeps them rendered."""


class ExternalTaskMarker(EmptyOperator):
    """Does nothing; when it is cleared, so is ``external_task_id`` of the other DAG's run.

    The run is that of ``execution_date``. With the task goes what is downstream of it, markers there
    included, ``recursion_depth`` DAGs deep at most. Raises ``TypeError`` for what is no date,
    ``ValueError`` for a depth below 1.
    """

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "execution_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        execution_date: str | datetime | None = SAME_DATE,
        logical_date: str | datetime | None = None,
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        date = execution_date if logical_date is None else logical_date
        if not isinstance(date, str | datetime):
            raise TypeError(f"Expected str or datetime.datetime type for execution_date. Got {type(date)}")
        if recursion_depth <= 0:
            raise ValueError("recursion_depth should be a positive integer")
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.execution_date = date.isoformat() if isinstance(date, datetime) else date
        self.recursion_depth = recursion_depth

    @property
    def is_of_same_date(self) -> bool:
        """Whether it marks the run of the date of its own."""
        return self.execution_date in _OF_SAME_DATE

    @property
    def needs_rendering(self) -> bool:
        """Whether only a run can tell what it marks; then a worker has to render it."""
        date = "" if self.is_of_same_date else self.execution_date
        return any("{" in text for text in (self.external_dag_id, self.external_task_id, date))

    def execute(self, context: "Context") -> None:
        """Keep what only this run can tell, for the time when it is cleared."""
        marked = {
            "dag_id": self.external_dag_id,
            "task_id": self.external_task_id,
            "execution_date": self.execution_date,
        }
        context["ti"].xcom_push(XCOM_MARKED, marked)
