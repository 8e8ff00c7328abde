"""``get_parsing_context`` (``airflow.utils.dag_parsing_context``): the DAG for which a file is loaded."""

from typing import NamedTuple


class AirflowParsingContext(NamedTuple):
    """The DAG and the task for which a file is loaded; None: for all that it has."""

    dag_id: str | None
    task_id: str | None


def get_parsing_context() -> AirflowParsingContext:
    """All DAGs: a file is loaded once, for the tries of all of its tasks."""
    return AirflowParsingContext(dag_id=None, task_id=None)
