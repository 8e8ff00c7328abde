"""A task instance as its own code sees it (``ti``), and its way to its run's XComs."""

import logging
import os
import socket
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
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
from chalicelib.authoring.running.pulls import Pulls, XComs
from chalicelib.authoring.running.xcom_values import to_json
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.surroundings.metadata_columns import HasColumns
from chalicelib.domain.graph.callbacks import EndedInstance
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.states import TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator

log = logging.getLogger("airflow.task")


class TaskInstanceKey(NamedTuple):
    """What identifies a try."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    map_index: int


class TaskInstance(metaclass=HasColumns):
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
        self.map_length = request.map_length
        self.rendered_map_index: str | None = None
        self.skipped: set[str] = set()
        self.pulls = Pulls(task, request, xcoms)
        self.has_returned_value = False
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
    def is_mapped(self) -> bool:
        """Whether the instance is one of several of its task."""
        return self.map_index >= 0

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
        of_index = {"map_index": self.map_index} if self.map_index >= 0 else {}
        date: datetime | None = self.logical_date
        query = urlencode(
            {
                "dag_run_id": self.run_id,
                "task_id": self.task_id,
                **of_index,
                **({"base_date": f"{date:%Y-%m-%dT%H:%M:%S%z}"} if date else {}),
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
        self.has_returned_value = self.has_returned_value or key == XCOM_RETURN_KEY

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value a task pushed in this run, or the default.

        Of a mapped task, or one in a mapped group, the values of all its instances as a lazy sequence; for
        a map index the value of that instance, for several map indexes the list of theirs. For a list of
        task ids, the list of the values that were pushed. Without task ids, the value of the nearest
        upstream task that pushed one. Other DAGs, other runs and earlier dates are not offered: raises
        ``NotOffered``.
        """
        if (dag_id or self.dag_id) != self.dag_id or (run_id or self.run_id) != self.run_id:
            raise NotOffered("XComs of other DAGs or other runs")
        if include_prior_dates:
            raise NotOffered("XComs of prior dates (include_prior_dates)")
        value = self.pulls.pull(task_ids, key, map_indexes)
        return default if value is NOTSET else value

    def get_relevant_upstream_map_indexes(
        self,
        upstream: "BaseOperator",
        ti_count: int | None,
        *,
        session: Any = None,  # noqa: ARG002 - Airflow's signature
    ) -> int | range | None:
        """The map index, or indexes, of a task upstream whose values belong to this instance; None: all."""
        return self.pulls.relevant_map_indexes(upstream, ti_count)

    def __repr__(self) -> str:
        index = f" map_index={self.map_index}" if self.map_index >= 0 else ""
        return f"<TaskInstance: {self.dag_id}.{self.task_id} {self.run_id}{index} [{self.state}]>"
