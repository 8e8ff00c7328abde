"""``TriggerDagRunOperator``, which makes a run of another DAG and may wait for its end; ``trigger_dag``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.dates import is_localized, parse, utcnow
from chalicelib.authoring.exceptions import AirflowException, AirflowSkipException, DagRunAlreadyExists
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.operator_link import BaseOperatorLink
from chalicelib.authoring.notset import NOTSET, NotSet
from chalicelib.authoring.running.context import get_current_context
from chalicelib.authoring.running.waiting import let_pass
from chalicelib.authoring.states import DagRunState
from chalicelib.authoring.surroundings.configuration import conf as configuration
from chalicelib.authoring.surroundings.configuration import is_deferrable
from chalicelib.authoring.triggers.external_task import DagStateTrigger
from chalicelib.domain.runs.other_runs import OtherRun, WantedRun

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

XCOM_LOGICAL_DATE_ISO = "trigger_logical_date_iso"
XCOM_RUN_ID = "trigger_run_id"


class TriggerDagRunLink(BaseOperatorLink):
    """The page of the run that was made."""

    name = "Triggered DAG"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The page of the DAG."""
        dag_id = getattr(operator, "trigger_dag_id", "")
        return f"{configuration.get('webserver', 'base_url')}/dags/{dag_id}/grid"


class TriggerDagRunOperator(BaseOperator):
    """Makes a run of the DAG ``trigger_dag_id``, with ``trigger_run_id``, ``logical_date`` and ``conf``.

    Where there is one of that id or date, ``reset_dag_run`` clears it, ``skip_when_already_exists`` skips the
    task; else the task fails. Its id is pushed as ``trigger_run_id``.

    With ``wait_for_completion`` the task succeeds when the run is in one of ``allowed_states``, and fails
    when it is in one of ``failed_states``; it looks each ``poke_interval`` seconds and holds no compute
    meanwhile. With ``deferrable`` it is deferred, and holds no slots either. A further try makes a further
    run, as in Airflow.

    Raises ``AirflowException`` for a conf that is no JSON, ``ParamValidationError`` for one that the DAG
    refuses, and ``ValueError`` for a ``datetime`` without a time zone.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"
    operator_extra_links: Sequence[Any] = (TriggerDagRunLink(),)

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Mapping[str, Any] | None = None,
        logical_date: str | datetime | NotSet | None = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: int = 60,
        allowed_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        deferrable: bool | None = None,
        execution_date: str | datetime | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf
        self.reset_dag_run = reset_dag_run
        self.wait_for_completion = wait_for_completion
        self.poke_interval = poke_interval
        self.allowed_states = _states(allowed_states or [DagRunState.SUCCESS])
        self.failed_states = _states([DagRunState.FAILED] if failed_states is None else failed_states)
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.deferrable = is_deferrable(deferrable)
        date = logical_date if execution_date is None else execution_date
        if date is not None and not isinstance(date, str | datetime | NotSet):
            raise TypeError(
                "Expected str or datetime.datetime type for parameter 'logical_date'. "
                f"Got {type(date).__name__}"
            )
        self.is_undated = date is None
        self.logical_date = None if isinstance(date, NotSet) else date

    def execute(self, context: "Context") -> None:
        """Make the run, and wait for it if that is wanted."""
        ti: TaskInstance = context["ti"]
        if not ti.goes_on:  # else it has made the run, and slept since
            run = self._trigger(ti)
            if not self.dag.is_of_airflow_3:
                ti.xcom_push(XCOM_LOGICAL_DATE_ISO, run.execution_date.isoformat())
            ti.xcom_push(XCOM_RUN_ID, run.run_id)
        if self.wait_for_completion and self.deferrable:
            self._defer(ti)
        elif self.wait_for_completion:
            self._wait(ti)

    def _trigger(self, ti: "TaskInstance") -> OtherRun:
        try:
            json.dumps(self.conf)
        except TypeError:
            raise AirflowException("conf parameter should be JSON Serializable") from None
        if self.fail_when_dag_is_paused and (dag := ti.other_runs.dag(self.trigger_dag_id)) and dag.is_paused:
            raise AirflowException(f"Dag {self.trigger_dag_id} is paused")
        wanted = WantedRun(
            dag_id=self.trigger_dag_id,
            run_id=str(self.trigger_run_id) if self.trigger_run_id else None,
            execution_date=self._wanted_date(),
            is_undated=self.is_undated and self.dag.is_of_airflow_3,
            conf=dict(self.conf or {}),
        )
        try:
            return ti.other_runs.trigger(wanted)
        except DagRunAlreadyExists as error:
            return self._standing(ti, error)

    def _wanted_date(self) -> datetime:
        if self.logical_date is None:
            return utcnow()
        if isinstance(self.logical_date, str):
            parsed: datetime = parse(self.logical_date)
            return parsed
        return _localized(self.logical_date)

    def _standing(self, ti: "TaskInstance", error: DagRunAlreadyExists) -> OtherRun:
        """The run that is there already, if that is no failure."""
        if self.reset_dag_run and isinstance(error.dag_run, OtherRun):
            self.log.info("Clearing %s on %s", self.trigger_dag_id, error.dag_run.execution_date)
            ti.other_runs.clear(error.dag_run)
            return error.dag_run
        if self.skip_when_already_exists:
            raise AirflowSkipException(
                "Skipping due to skip_when_already_exists is set to True and DagRunAlreadyExists"
            )
        raise error

    def _wait(self, ti: "TaskInstance") -> None:
        arrived, pokes = utcnow(), 0
        run_id, date = self._made(ti)
        has_waited = ti.goes_on
        while True:
            if has_waited and self._is_over(ti, run_id, date):
                return
            self.log.info("Waiting for %s to become %s ...", date or run_id, self.allowed_states)
            pokes += has_waited
            let_pass(self, ti, self.poke_interval, arrived, pokes)
            has_waited = True

    def _defer(self, ti: "TaskInstance") -> None:
        run = self._seen(ti, *self._made(ti))
        trigger = DagStateTrigger(
            dag_id=self.trigger_dag_id,
            states=[str(state) for state in (*self.allowed_states, *self.failed_states)],
            execution_dates=[run.execution_date],
            poll_interval=self.poke_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any) -> None:
        """End as the run has."""
        (date,) = event[1]["execution_dates"]
        state = self._seen(context["ti"], None, date).state
        if state in self.failed_states:
            raise AirflowException(f"{self.trigger_dag_id} failed with failed state {state}")
        if state not in self.allowed_states:
            raise AirflowException(
                f"{self.trigger_dag_id} return {state} which is not in {self.failed_states} "
                f"or {self.allowed_states}"
            )
        self.log.info("%s finished with allowed state %s", self.trigger_dag_id, state)

    def _made(self, ti: "TaskInstance") -> tuple[str | None, datetime | None]:
        """Id or date of the run that was made: one of them, of which the date finds it by fewer requests."""
        own: dict[str, Any] = {"task_ids": self.task_id, "map_indexes": ti.map_index}
        if self.dag.is_of_airflow_3:
            return ti.xcom_pull(key=XCOM_RUN_ID, **own), None
        return None, datetime.fromisoformat(ti.xcom_pull(key=XCOM_LOGICAL_DATE_ISO, **own))

    def _seen(self, ti: "TaskInstance", run_id: str | None, date: datetime | None) -> OtherRun:
        run = ti.other_runs.find(self.trigger_dag_id, run_id, date)
        if run is None:
            raise AirflowException(
                f"No DAG run found for DAG {self.trigger_dag_id} and logical date {date or run_id}"
            )
        return run

    def _is_over(self, ti: "TaskInstance", run_id: str | None, date: datetime | None) -> bool:
        run = self._seen(ti, run_id, date)
        if run.state in self.failed_states:
            raise AirflowException(f"{self.trigger_dag_id} failed with failed states {run.state}")
        if run.state not in self.allowed_states:
            return False
        self.log.info("%s finished with allowed state %s", self.trigger_dag_id, run.state)
        return True


def _states(given: Iterable[str]) -> list[DagRunState]:
    return [DagRunState(state) for state in given]


def _localized(date: datetime) -> datetime:
    if not is_localized(date):
        raise ValueError("The execution_date should be localized")
    return date


def trigger_dag(
    dag_id: str,
    run_id: str | None = None,
    conf: Mapping[str, Any] | str | None = None,
    execution_date: datetime | None = None,
    replace_microseconds: bool = True,
) -> OtherRun:
    """Make a run of a DAG from within a task, as Airflow's function of this name does; the run.

    ``conf`` may be JSON. Without ``execution_date`` (aware of its time zone) it is now, in whole seconds
    unless ``replace_microseconds`` is false. Raises ``AirflowException`` outside of a task, ``DagNotFound``,
    ``DagRunAlreadyExists``, ``ParamValidationError`` for a conf that the DAG refuses, and ``ValueError`` for
    a date without a time zone.
    """
    date = utcnow() if execution_date is None else _localized(execution_date)
    wanted = WantedRun(
        dag_id=dag_id,
        run_id=run_id,
        execution_date=date.replace(microsecond=0) if replace_microseconds else date,
        conf=dict(json.loads(conf) if isinstance(conf, str) else conf or {}),
    )
    ti: TaskInstance = get_current_context()["ti"]
    return ti.other_runs.trigger(wanted)
