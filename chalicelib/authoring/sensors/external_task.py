"""``ExternalTaskSensor``: waits for tasks or runs of another DAG."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.dates import as_utc
from chalicelib.authoring.exceptions import AirflowException, AirflowSkipException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.operator_link import BaseOperatorLink
from chalicelib.authoring.running.keyword_arguments import make_kwargs_callable
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.states import State, TaskInstanceState
from chalicelib.authoring.surroundings.configuration import conf, is_deferrable
from chalicelib.authoring.triggers.external_task import WorkflowTrigger
from chalicelib.domain.runs.other_runs import WatchedRun, WatchedTasks

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

_ONE_OF_IDS = (
    "Only one of `{}` or `external_task_ids` may be provided to ExternalTaskSensor; "
    "use external_task_id or external_task_ids or external_task_group_id."
)
_VALID_STATES = (
    "Valid values for `allowed_states`, `skipped_states` and `failed_states` when `external_task_id` or "
    "`external_task_ids` or `external_task_group_id` is {}`None`: {}"
)


class ExternalDagLink(BaseOperatorLink):
    """The page of the other DAG."""

    name = "External DAG"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The page of the DAG."""
        return f"{conf.get('webserver', 'base_url')}/dags/{getattr(operator, 'external_dag_id', '')}/grid"


class ExternalTaskSensor(BaseSensorOperator):
    """Waits until tasks, a task group, or else a whole run of another DAG are in ``allowed_states``.

    The run is that of the same logical date, of one ``execution_delta`` earlier, or of those that
    ``execution_date_fn`` returns (of the date, and of values of the context that it names). A task in one of
    ``failed_states`` fails the sensor, in one of ``skipped_states`` skips it; without these it waits on. Of a
    mapped task all instances count. With ``check_existence`` the first poke fails where there is no such DAG,
    task or group. With ``deferrable`` it is deferred, and heeds neither other states nor ``timeout``, as
    Airflow's.

    Raises ``AirflowException`` or ``ValueError`` for arguments that exclude each other and unknown states.
    """

    template_fields: Sequence[str] = (
        "external_dag_id",
        "external_task_id",
        "external_task_ids",
        "external_task_group_id",
    )
    ui_color = "#4db7db"
    operator_extra_links: Sequence[Any] = (ExternalDagLink(),)

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float = 2.0,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.external_task_ids = _task_ids(external_task_id, external_task_ids, external_task_group_id)
        self.external_task_group_id = external_task_group_id
        self.allowed_states = list(allowed_states or ()) or [TaskInstanceState.SUCCESS.value]
        self.skipped_states = list(skipped_states or ())
        self.failed_states = list(failed_states or ())
        self._check_states()
        if execution_delta is not None and execution_date_fn is not None:
            raise ValueError(
                "Only one of `execution_delta` or `execution_date_fn` may "
                "be provided to ExternalTaskSensor; not both."
            )
        self.execution_delta = execution_delta
        self.execution_date_fn = execution_date_fn
        self.check_existence = check_existence
        self.poll_interval = poll_interval
        self.deferrable = is_deferrable(deferrable)

    def _check_states(self) -> None:
        given = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        if len(set(given)) != len(given):
            raise AirflowException(
                "Duplicate values provided across allowed_states, skipped_states and failed_states."
            )
        watches_tasks = bool(self.external_task_ids or self.external_task_group_id)
        valid = State.task_states if watches_tasks else State.dag_states
        if not set(given) <= set(valid):
            names = [None if state is None else str(state) for state in valid]
            raise ValueError(_VALID_STATES.format("not " if watches_tasks else "", names))

    def execute(self, context: "Context") -> Any:
        """Poke, or be deferred."""
        if not self.deferrable:
            return super().execute(context)
        trigger = WorkflowTrigger(
            external_dag_id=self.external_dag_id,
            external_task_group_id=self.external_task_group_id,
            external_task_ids=self.external_task_ids,
            execution_dates=self._dates(context),
            allowed_states=self.allowed_states,
            poke_interval=self.poll_interval,
            soft_fail=self.soft_fail,
        )
        return self.defer(timeout=self.execution_timeout, trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any = None) -> None:  # noqa: ARG002 - Airflow's
        """End as the trigger says."""
        if event["status"] == "success":
            self.log.info("External tasks %s has executed successfully.", self.external_task_ids)
        elif event["status"] == "skipped":
            raise AirflowSkipException("External job has skipped skipping.")
        elif self.soft_fail:
            raise AirflowSkipException("External job has failed skipping.")
        else:
            raise AirflowException(
                "Error occurred while trying to retrieve task status. Please, check the "
                "name of executed task and Dag."
            )

    def poke(self, context: "Context") -> bool:
        """Whether all of it is in an allowed state, in the runs of all dates."""
        ids = list(self.external_task_ids or ())
        if len(ids) > len(set(ids)):
            raise ValueError("Duplicate task_ids passed in external_task_ids parameter")
        ti = context["ti"]
        dates = self._dates(context)
        self.log.info("Poking for %s on %s ...", self._watched, ", ".join(map(str, dates)))
        if self.check_existence and ti.pokes == 0:
            self._check_existence(ti)
        found = ti.other_runs.watch(
            WatchedTasks(
                dag_id=self.external_dag_id,
                execution_dates=tuple(map(as_utc, dates)),
                task_ids=tuple(ids),
                group_id=self.external_task_group_id,
            )
        )
        if any(self._has_any(run, self.failed_states) for run in found):
            raise self._failed()
        if any(self._has_any(run, self.skipped_states) for run in found):
            raise AirflowSkipException(
                f"{self._watched} reached a state in our states-to-skip-on list. Skipping."
            )
        return sum(self._has_only(run, self.allowed_states) for run in found) == len(dates)

    def _failed(self) -> AirflowException:
        """What a failed state raises."""
        text = f"{self._watched} failed."
        if self.soft_fail:
            return AirflowSkipException(f"{text} Skipping due to soft_fail.")
        return AirflowException(text)

    @property
    def _watched(self) -> str:
        if self.external_task_ids:
            return f"Some of the external tasks {self.external_task_ids} in DAG {self.external_dag_id}"
        if self.external_task_group_id:
            return f"The external task_group '{self.external_task_group_id}' in DAG '{self.external_dag_id}'"
        return f"The external DAG {self.external_dag_id}"

    def _has_any(self, found: WatchedRun, states: Collection[str]) -> bool:
        if not self.external_task_ids and not self.external_task_group_id:
            return found.run.state in states
        return any(state in states for task in found.tasks for state in task.states)

    def _has_only(self, found: WatchedRun, states: Collection[str]) -> bool:
        if not self.external_task_ids and not self.external_task_group_id:
            return found.run.state in states
        wanted = set(self.external_task_ids or (task.task_id for task in found.tasks))
        complete = {
            task.task_id
            for task in found.tasks
            if task.states and not task.undecided and set(task.states) <= set(states)
        }
        return bool(wanted) and wanted <= complete

    def _dates(self, context: "Context") -> list[datetime]:
        date = context["logical_date"]
        if self.execution_delta:
            return [date - self.execution_delta]
        if self.execution_date_fn is None:
            return [date]
        values = {name: context[name] for name in context if name not in ("execution_date", "logical_date")}
        found = make_kwargs_callable(self.execution_date_fn)(date, **values, context=context)
        return list(found) if isinstance(found, list | tuple | set) else [found]

    def _check_existence(self, ti: "TaskInstance") -> None:
        """Raise ``AirflowException`` unless there is what is waited for."""
        dag = ti.other_runs.dag(self.external_dag_id)
        if dag is None:
            raise AirflowException(f"The external DAG {self.external_dag_id} does not exist.")
        for task_id in self.external_task_ids or ():
            if task_id not in dag.task_ids:
                raise AirflowException(
                    f"The external task {task_id} in DAG {self.external_dag_id} does not exist."
                )
        if self.external_task_group_id and self.external_task_group_id not in dag.group_ids:
            raise AirflowException(
                f"The external task group '{self.external_task_group_id}' in "
                f"DAG '{self.external_dag_id}' does not exist."
            )


def _task_ids(
    task_id: str | None, task_ids: Collection[str] | None, group_id: str | None
) -> Collection[str] | None:
    """The tasks that are waited for; None: there are no tasks named."""
    if task_id is not None and task_ids:
        raise ValueError(_ONE_OF_IDS.format("external_task_id"))
    ids = [task_id] if task_id is not None else task_ids or None
    if group_id is not None and ids:
        raise ValueError(_ONE_OF_IDS.format("external_task_group_id"))
    return ids
