"""Observations that the engine tells of itself, to be measured: each once, where it was written.

Of a message that comes twice only the handler whose conditional write applied tells anything. A handler that
dies between its write and its telling tells nothing: measures may miss an end, and never count one twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEnded:
    """A run became ``success`` or ``failed``: by itself, by its timeout, or because it was cancelled."""

    dag_id: str
    run_id: str
    execution_date: datetime
    state: DagRunState

    @classmethod
    def of(cls, run: DagRun) -> "RunEnded":
        """The end of a run, as it was written."""
        return cls(dag_id=run.dag_id, run_id=run.run_id, execution_date=run.execution_date, state=run.state)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEnded:
    """A task instance became final, with or without a try, or a try of it failed (``up_for_retry``)."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: TaskInstanceState

    @classmethod
    def of(cls, dag_id: str, run_id: str, item: TaskInstance) -> "TaskEnded":
        """The end of a task instance of that run, as it was written; ``ValueError`` if it has no state."""
        return cls(
            dag_id=dag_id,
            run_id=run_id,
            task_id=item.task_id,
            map_index=item.map_index,
            try_number=item.try_number,
            state=TaskInstanceState(item.state or ""),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TryStarted:
    """A worker starts the user's code.

    A sensor that gives its slots back between pokes is queued anew, and told of, for each.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    waited: timedelta
    """Since the try was queued."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolUse:
    """How many of a pool's slots there are, and are taken, at a minute's tick that finds it in use."""

    pool: str
    slots: int
    used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MessagePutAside:
    """A message that can never be handled went to the dead letters of its queue."""

    queue: str
    code: str


Observation = RunEnded | TaskEnded | TryStarted | PoolUse | MessagePutAside
