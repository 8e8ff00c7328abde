"""A task instance as its own code sees it (``ti``), and its way to its run's XComs."""

import getpass
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from chalicelib.authoring.dates import pendulum_datetime
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.xcom_arg import XCOM_RETURN_KEY
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.running.context import (
    Context,
    DagRun,
    dag_run_of,
    get_current_context,
    number_of,
)
from chalicelib.authoring.running.pulls import Pulls, XComs
from chalicelib.authoring.running.xcom_values import to_json
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.surroundings.metadata_columns import HasColumns
from chalicelib.domain.graph.callbacks import EndedInstance
from chalicelib.domain.runs.outcomes import InstanceFacts, TryRequest
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.states import TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.model.dag import DAG

log = logging.getLogger("airflow.task")


class TaskInstanceKey(NamedTuple):
    """What identifies a try."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    map_index: int

    @property
    def primary(self) -> tuple[str, str, str, int]:
        """What all tries of the task instance have in common."""
        return self.dag_id, self.task_id, self.run_id, self.map_index


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
        self.deferral = request.deferral
        self.start_date: datetime | None = pendulum_datetime(request.start_date)
        self.end_date: datetime | None = None
        self.queued_dttm = _in_pendulum(request.queued_at)
        self.job_id = number_of(request.run_uid, request.task_id, request.map_index, request.try_number)
        self.queued_by_job_id: int | None = None
        self.external_executor_id: str | None = None
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
        self.datasets = request.datasets
        self.other_runs = request.other_runs
        self._xcoms = xcoms
        self._pushed: set[str] = set()

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
    def unixname(self) -> str:
        """The name of the user whose process it is; of one without a name, the number."""
        try:
            return getpass.getuser()
        except (KeyError, OSError):
            return str(os.getuid())

    @property
    def next_try_number(self) -> int:
        """The number of the try after this one."""
        return self.try_number + 1

    @property
    def is_premature(self) -> bool:
        """Whether it waits for the time of a retry; what runs, or has ended, does not."""
        return self.state is TaskInstanceState.UP_FOR_RETRY

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

    @property
    def mark_success_url(self) -> str:
        """Where Airflow's pages would let it be marked as success."""
        query = urlencode(
            {
                "task_id": self.task_id,
                "dag_id": self.dag_id,
                "dag_run_id": self.run_id,
                "upstream": "false",
                "downstream": "false",
                "state": "success",
            }
        )
        return f"{conf.get('webserver', 'base_url')}/confirm?{query}"

    def has_become(self, facts: EndedInstance | InstanceFacts) -> None:
        """Take on what became of the task instance, as its callbacks and other tasks are to see it."""
        self.state = facts.state
        self.start_date = _in_pendulum(facts.start_date)
        self.end_date = _in_pendulum(facts.end_date)
        self.duration = facts.duration

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

    def current_state(self, session: Any = None) -> TaskInstanceState | None:  # noqa: ARG002 - Airflow's signature
        """The state."""
        return self.state

    def xcom_push(
        self,
        key: str,
        value: Any,
        execution_date: datetime | None = None,  # noqa: ARG002 - 1.10's
        session: Any = None,  # noqa: ARG002 - Airflow's signature
    ) -> None:
        """Keep a value under a key; raises ``TypeError`` for one that ``xcom_values`` cannot keep."""
        if not isinstance(key, str) or not key:
            raise TypeError(f"An XCom key has to be a text that is not empty, not {key!r}")
        self._xcoms.push(key, to_json(value))
        self._pushed.add(key)
        self.has_returned_value = self.has_returned_value or key == XCOM_RETURN_KEY

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,
        session: Any = None,  # noqa: ARG002 - Airflow's signature
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The value a task pushed in this run, or the default.

        Of a mapped task, or one in a mapped group, the values of all its instances as a lazy sequence; for
        a map index the value of that instance, for several map indexes the list of theirs. For a list of
        task ids, the list of the values that were pushed. Without task ids, the value that the task itself
        or else the nearest upstream task pushed.

        Of another DAG, the run of the same id is meant. With ``include_prior_dates`` the run that has a
        value and whose logical date is the latest up to this run's; for a list of task ids all values of
        all these runs. Each run that is looked at costs a request.
        """
        source = XComSource(
            dag_id=dag_id or self.dag_id,
            run_id=run_id or self.run_id,
            include_prior_dates=include_prior_dates,
        )
        if source == XComSource(dag_id=self.dag_id, run_id=self.run_id, include_prior_dates=False):
            if task_ids is None and key in self._pushed:
                task_ids, map_indexes = self.task_id, self.map_index
            value = self.pulls.pull(task_ids, key, map_indexes)
        else:
            value = self.pulls.pull_elsewhere(source, task_ids, key, map_indexes)
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


def task_instance_of(dag: "DAG", request: TryRequest, xcoms: XComs, **of_run: Any) -> TaskInstance:
    """The task instance of a try of a DAG, with a copy of its task; ``of_run`` are values of its ``dag_run``.

    Raises ``TaskNotFound``.
    """

    def find_task_instances() -> list[TaskInstance]:
        found = (facts for facts in request.find_task_instances() if dag.has_task(facts.task_id))
        return [seen(facts) for facts in found]

    def seen(facts: InstanceFacts) -> TaskInstance:
        other = replace(
            request,
            task_id=facts.task_id,
            map_index=facts.map_index,
            try_number=facts.try_number,
            max_tries=facts.max_tries,
            queued_at=facts.queued_at,
        )
        ti = TaskInstance(task=dag.get_task(facts.task_id), request=other, dag_run=dag_run, xcoms=xcoms)
        ti.has_become(facts)
        return ti

    dag_run = dag_run_of(request, dag, **{"find_task_instances": find_task_instances, **of_run})
    task = dag.get_task(request.task_id).copy_for_execution()
    return TaskInstance(task=task, request=request, dag_run=dag_run, xcoms=xcoms)


def _in_pendulum(moment: datetime | None) -> datetime | None:
    return None if moment is None else pendulum_datetime(moment)
