"""A task instance as its own code sees it (``ti``), and the door to its run's XComs."""

import logging
import os
import socket
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlencode

from chalicelib.authoring.exceptions import AirflowException, NotOffered
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.running.context import (
    Context,
    DagRun,
    get_current_context,
    pendulum_datetime,
)
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.domain.graph.callbacks import EndedInstance
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator

log = logging.getLogger("airflow.task")


class XComs(Protocol):
    """The XComs of a run, as a running try sees them: JSON texts, made by ``xcom_values``."""

    def push(self, key: str, value: str) -> None:
        """Keep a text as this task's value of that key."""

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        """A task's text of that key, or None."""


class TaskInstanceKey(NamedTuple):
    """What identifies a try."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    map_index: int


class TaskInstance:
    """One try of a task that is running, or (in callbacks) has ended."""

    def __init__(self, *, task: "BaseOperator", request: TryRequest, dag_run: DagRun, xcoms: XComs) -> None:
        self.task = task
        self.dag_run = dag_run
        self.dag_id = request.dag_id
        self.task_id = request.task_id
        self.run_id = request.run_id
        self.map_index = request.map_index
        self.try_number = request.try_number
        self.max_tries = request.max_tries
        self.pokes = request.pokes
        self.first_poke_at = request.first_poke_at
        self.goes_on = request.goes_on
        self.start_date: datetime | None = pendulum_datetime(request.start_date)
        self.end_date: datetime | None = None
        self.duration: float | None = None
        self.state: TaskInstanceState | None = TaskInstanceState.RUNNING
        self.operator = task.task_type
        self.pool = task.pool
        self.pool_slots = task.pool_slots
        self.queue = task.queue
        self.priority_weight = task.priority_weight_total
        self.executor_config = task.executor_config
        self.hostname = socket.gethostname()
        self.pid = os.getpid()
        self.log = log
        self.skipped: set[str] = set()
        self.find_previous_success = request.find_previous_success
        self._xcoms = xcoms

    @property
    def began_at(self) -> datetime:
        """When the try that is running began."""
        if self.start_date is None:
            raise AirflowException(f"{self.task_id} is not running")
        return self.start_date

    @property
    def execution_date(self) -> datetime:
        """The older name of the run's logical date."""
        return self.dag_run.logical_date

    @property
    def logical_date(self) -> datetime:
        """The run's logical date."""
        return self.dag_run.logical_date

    @property
    def prev_attempted_tries(self) -> int:
        """Which try this is."""
        return self.try_number

    @property
    def key(self) -> TaskInstanceKey:
        """What identifies the try."""
        return TaskInstanceKey(self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def log_url(self) -> str:
        """Where Airflow's pages would show the log."""
        query = urlencode(
            {
                "dag_run_id": self.run_id,
                "task_id": self.task_id,
                "base_date": f"{self.logical_date:%Y-%m-%dT%H:%M:%S%z}",
                "tab": "logs",
            }
        )
        return f"{conf.get('webserver', 'base_url')}/dags/{self.dag_id}/grid?{query}"

    def has_become(self, ended: EndedInstance) -> None:
        """Take on what became of the task instance, as its callbacks are to see it."""
        self.state = ended.state
        self.start_date = None if ended.start_date is None else pendulum_datetime(ended.start_date)
        self.end_date = None if ended.end_date is None else pendulum_datetime(ended.end_date)
        self.duration = ended.duration

    def is_eligible_to_retry(self) -> bool:
        """Whether the task would be tried again if this try failed."""
        return self.try_number <= self.max_tries

    def get_dagrun(self) -> DagRun:
        """The run."""
        return self.dag_run

    def get_template_context(self) -> Context:
        """The context the task runs in."""
        return get_current_context()

    def skip(self, task_ids: Iterable[str]) -> None:
        """Order tasks downstream to be skipped when this try has succeeded."""
        self.skipped.update(task_ids)

    def xcom_push(self, key: str, value: Any, execution_date: datetime | None = None) -> None:  # noqa: ARG002 - 1.10's
        """Keep a value under a key; raises ``TypeError`` for one that ``xcom_values`` cannot keep."""
        if not isinstance(key, str) or not key:
            raise TypeError(f"An XCom key has to be a text that is not empty, not {key!r}")
        self._xcoms.push(key, to_json(value))

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: int | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value a task pushed in this run, or the default.

        For a list of task ids, the list of the values that were pushed. Without task ids, the value of
        the nearest upstream task that pushed one. Other DAGs, other runs and earlier dates are not
        offered: raises ``NotOffered``.
        """
        if (dag_id or self.dag_id) != self.dag_id or (run_id or self.run_id) != self.run_id:
            raise NotOffered("XComs of other DAGs or other runs")
        if include_prior_dates:
            raise NotOffered("XComs of prior dates (include_prior_dates)")
        map_index = -1 if map_indexes is None else map_indexes
        if isinstance(task_ids, str):
            return self._pull(task_ids, key, map_index, default)
        if task_ids is None:
            values = (self._pull(task_id, key, map_index, NOTSET) for task_id in self._nearest_upstreams())
            return next((value for value in values if value is not NOTSET), default)
        pulled = [self._pull(task_id, key, map_index, NOTSET) for task_id in task_ids]
        return [value for value in pulled if value is not NOTSET]

    def _pull(self, task_id: str, key: str, map_index: int, default: Any) -> Any:
        text = self._xcoms.pull(task_id, key, map_index)
        return default if text is None else from_json(text)

    def _nearest_upstreams(self) -> list[str]:
        """All tasks upstream, the nearest first."""
        found: dict[str, None] = {}
        waiting = sorted(self.task.upstream_task_ids)
        while waiting:
            found |= dict.fromkeys(waiting)
            further = {up for task_id in waiting for up in self.task.dag.get_task(task_id).upstream_task_ids}
            waiting = sorted(further - found.keys())
        return list(found)

    def __repr__(self) -> str:
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id} [{self.state}]>"
