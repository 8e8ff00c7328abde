"""``Mark``: the task of another DAG that is cleared along with a task (Airflow's ExternalTaskMarker)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What a task marks."""

    dag_id: str
    task_id: str
    execution_date: datetime | None
    """Of the other DAG's run; None: that of its own run."""
    recursion_depth: int
    """How many DAGs deep clears go on from here."""
    xcom_key: str | None = None
    """The key under which each run keeps what it marks, where only the run can tell; None: it is as above."""


def mark_from_document(document: Mapping[str, Any] | None) -> Mark | None:
    """The mark of a task's document; None for none."""
    if document is None:
        return None
    date = document.get("execution_date")
    return Mark(
        dag_id=document["dag_id"],
        task_id=document["task_id"],
        execution_date=None if date is None else datetime.fromisoformat(date),
        recursion_depth=document["recursion_depth"],
        xcom_key=document.get("xcom_key"),
    )
