"""The repeats of changes: a change whose first reply was lost, and that is asked for again, is recognised.

Both stores use these rules, on the item that a failed condition showed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.tasks.notes import Notes
from chalicelib.domain.tasks.task_instances import TaskInstance


def shows(item: DagRun | TaskInstance, change: Mapping[str, Any]) -> bool:
    """Whether every field of a change has the value that the change would set.

    Two invocations cannot both take such an item for their own work: a change carries ``updated_at``,
    and a claim its ``lease_token``, which is unique per invocation.
    """
    return all(getattr(item, name) == value for name, value in change.items())


def bears(notes: Notes, added: Mapping[str, int]) -> bool:
    """Whether all these notes were left already."""
    return all(number in notes.get(name, ()) for name, number in added.items())


def plan_of(dag: Dag) -> tuple[DataInterval | None, DataInterval | None, datetime | None]:
    """What ``set_next_run`` sets, but for the error: next run, last interval, and when to ask."""
    return dag.next_run, dag.last_interval, dag.ask_at
