"""The context of a running task: what its function's arguments and its templates can name."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from chalicelib.authoring import macros
from chalicelib.authoring.dates import as_utc, pendulum_datetime
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.running import timetables
from chalicelib.authoring.running.airflow3 import RUN_TYPES, WithoutOlderNames, by_airflow_3
from chalicelib.authoring.running.dataset_events import InletEvents, by_uri
from chalicelib.authoring.running.lazy_values import Later, LazyDict
from chalicelib.authoring.running.outlet_events import OutletEvents
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.surroundings.connections import ConnectionAccessor
from chalicelib.authoring.surroundings.metadata_columns import HasColumns
from chalicelib.authoring.surroundings.variables import VariableAccessor
from chalicelib.domain.runs.dag_runs import DagRun as RunOfStore
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.states import DagRunState

if TYPE_CHECKING:
    from chalicelib.authoring.model.dag import DAG
    from chalicelib.authoring.running.task_instance import TaskInstance


class Context(LazyDict):
    """Airflow's names and their values; datetimes are pendulum's."""


_current: ContextVar[Context | None] = ContextVar("current", default=None)


def get_current_context() -> Context:
    """The context of the task that is running; raises ``AirflowException`` outside of one."""
    context = _current.get()
    if context is None:
        raise AirflowException(
            "Current context was requested but no context was found! Are you running within an airflow task?"
        )
    return context


@contextmanager
def running_in(context: Context) -> Iterator[None]:
    """Make the context the current one for the code inside."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


@dataclass(frozen=True, kw_only=True, repr=False)
class DagRun(metaclass=HasColumns):
    """A DAG run as its tasks see it; datetimes are pendulum's."""

    id: int
    dag_id: str
    run_id: str
    run_type: str
    conf: dict[str, Any]
    external_trigger: bool
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    start_date: datetime
    is_undated: bool = False
    """Whether nobody gave a date; it then is the time when the run was asked for."""
    end_date: datetime | None = None
    queued_at: datetime | None = None
    state: DagRunState = DagRunState.RUNNING
    dag: "DAG | None" = field(default=None, compare=False)
    find_task_instances: Callable[[], Sequence["TaskInstance"]] = field(default=tuple, compare=False)
    """Finds those of the run as they are now; in its DAG's callbacks, as they were at its end."""

    def __repr__(self) -> str:
        return (
            f"<DagRun {self.dag_id} @ {self.logical_date}: {self.run_id}, state:{self.state}, "
            f"queued_at: {self.queued_at}. externally triggered: {self.external_trigger}>"
        )

    @property
    def task_instances(self) -> list["TaskInstance"]:
        """The task instances of the run; 1 request per MB of them."""
        return list(self.find_task_instances())

    def get_dag(self) -> "DAG":
        """The DAG; raises ``AirflowException`` where it is not known."""
        if self.dag is None:
            raise AirflowException(f"The DAG (.dag) for {self!r} needs to be set")
        return self.dag

    def get_state(self) -> DagRunState:
        """The state."""
        return self.state

    def get_task_instances(
        self,
        state: str | Iterable[str | None] | None = None,
        session: Any = None,  # noqa: ARG002 - Airflow's signature
    ) -> list["TaskInstance"]:
        """The task instances of the run, those in certain states if some are given; as above."""
        states = [state] if isinstance(state, str) else state
        return [ti for ti in self.find_task_instances() if states is None or ti.state in states]

    def get_task_instance(
        self,
        task_id: str,
        session: Any = None,  # noqa: ARG002 - Airflow's signature
        *,
        map_index: int = -1,
    ) -> "TaskInstance | None":
        """The task instance of that id, or None; as above."""
        found = (ti for ti in self.get_task_instances() if ti.task_id == task_id)
        return next((ti for ti in found if ti.map_index == map_index), None)

    @property
    def execution_date(self) -> datetime:
        """The older name of the logical date."""
        return self.logical_date

    @property
    def data_interval(self) -> DataInterval:
        """The data interval; plain datetimes in UTC."""
        return DataInterval(start=as_utc(self.data_interval_start), end=as_utc(self.data_interval_end))

    @property
    def is_backfill(self) -> bool:
        """Whether a backfill made the run."""
        return self.run_type == "backfill"

    @property
    def was_triggered(self) -> bool:
        """Whether the run was asked for from outside: ``external_trigger``, which Airflow 3 has not."""
        return bool(vars(self)["external_trigger"])


@dataclass(frozen=True, kw_only=True, repr=False)
class Airflow3DagRun(WithoutOlderNames, DagRun):
    """A DAG run as tasks of a DAG by Airflow 3's rules see it."""

    @property
    def run_after(self) -> datetime:
        """When the run was due; one that was asked for was so at once, one by assets with their event."""
        if self.is_undated and not self.was_triggered:
            due: datetime = vars(self)["logical_date"]
            return due
        return self.start_date if self.was_triggered else self.data_interval_end


def number_of(*names: object) -> int:
    """A number that stands for what is named, where Airflow has that of a row: of 48 bits, never another."""
    text = "/".join(map(str, names))
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest())


def dag_run_of(request: TryRequest, dag: "DAG", **of_run: Any) -> DagRun:
    """The run that a try of a task of the DAG belongs to; ``of_run`` are further attributes of it."""
    kind, types = (Airflow3DagRun, RUN_TYPES) if dag.is_of_airflow_3 else (DagRun, {})
    return kind(
        id=number_of(request.run_uid),
        dag=dag,
        dag_id=request.dag_id,
        run_id=request.run_id,
        run_type=types.get(request.run_type, request.run_type),
        conf=request.conf,
        external_trigger=request.external_trigger,
        is_undated=request.is_undated,
        logical_date=pendulum_datetime(request.execution_date),
        data_interval_start=pendulum_datetime(request.data_interval_start),
        data_interval_end=pendulum_datetime(request.data_interval_end),
        start_date=pendulum_datetime(request.run_start_date),
        **of_run,
    )


def context_of(ti: "TaskInstance", *, with_invalid_params: bool = False) -> Context:
    """Airflow's context for a task instance.

    Params are the DAG's, then the task's, then the run's conf, and checked: raises
    ``ParamValidationError``; ``with_invalid_params`` a wrong one is None, one in the conf left out. What
    tells of the previous successful run is found when it is used.
    """
    task, dag_run = ti.task, ti.dag_run
    values: dict[str, Any] = {
        "conf": conf,
        "conn": ConnectionAccessor(),
        "dag": task.dag,
        "dag_run": dag_run,
        "data_interval_end": dag_run.data_interval_end,
        "data_interval_start": dag_run.data_interval_start,
        "expanded_ti_count": ti.map_length,
        "inlet_events": InletEvents(task.inlets, ti.datasets),
        "inlets": task.inlets,
        "macros": macros,
        "map_index_template": task.map_index_template,
        "outlet_events": OutletEvents(),
        "outlets": task.outlets,
        "params": params_of(ti, with_invalid=with_invalid_params),
        "run_id": dag_run.run_id,
        "task": task,
        "task_instance": ti,
        "task_instance_key_str": f"{ti.dag_id}__{ti.task_id}__{_day_or_id(dag_run)}",
        "templates_dict": getattr(task, "templates_dict", None),
        "test_mode": False,
        "ti": ti,
        "triggering_dataset_events": Later(lambda: by_uri(ti.datasets.triggering_events())),
        "try_number": ti.try_number,
        "var": {
            "json": VariableAccessor(deserialize_json=True),
            "value": VariableAccessor(deserialize_json=False),
        },
        **({} if dag_run.logical_date is None else _dates(dag_run, task.dag)),
        **_previous_success(ti.find_previous_success),
    }
    return Context(by_airflow_3(values, ti) if task.dag.is_of_airflow_3 else values)


def params_of(ti: "TaskInstance", *, with_invalid: bool = False) -> dict[str, Any]:
    """The params of a task in its run, which its copy has from then on; raises as above.

    The run's conf is left out where ``[core] dag_run_conf_overrides_params`` says so.
    """
    given = ti.dag_run.conf
    if given and not conf.getboolean("core", "dag_run_conf_overrides_params", fallback=True):
        given = {}
    ti.task.params = ti.task.params.merged(given, suppress_exception=with_invalid)
    return ti.task.params.validate()


_OF_PREVIOUS_SUCCESS = {
    "prev_data_interval_end_success": "data_interval_end",
    "prev_data_interval_start_success": "data_interval_start",
    "prev_end_date_success": "end_date",
    "prev_execution_date_success": "execution_date",
    "prev_start_date_success": "start_date",
}
"""Names of the context, and what they are of the DAG's previous successful run."""


def _previous_success(find: Callable[[], RunOfStore | None]) -> dict[str, Any]:
    previous = Later(find)

    def moment(attribute: str) -> datetime | None:
        value = getattr(previous.value, attribute, None)
        return None if value is None else pendulum_datetime(value)

    return {name: Later(partial(moment, attribute)) for name, attribute in _OF_PREVIOUS_SUCCESS.items()}


def _dates(dag_run: DagRun, dag: "DAG") -> dict[str, Any]:
    date = dag_run.logical_date
    following, previous = _neighbours(dag_run, dag)
    return {
        "logical_date": date,
        "execution_date": date,
        "ts": date.isoformat(),
        "ts_nodash": f"{date:%Y%m%dT%H%M%S}",
        "ts_nodash_with_tz": date.isoformat().replace("-", "").replace(":", ""),
        **_day("ds", date),
        **_day("yesterday_ds", date - timedelta(days=1)),
        **_day("tomorrow_ds", date + timedelta(days=1)),
        "next_execution_date": following,
        **_day("next_ds", following),
        "prev_execution_date": previous,
        **_day("prev_ds", previous),
    }


def _day_or_id(dag_run: DagRun) -> str:
    date: datetime | None = dag_run.logical_date
    return dag_run.run_id if date is None else f"{date:%Y%m%d}"


def _neighbours(dag_run: DagRun, dag: "DAG") -> tuple[datetime | None, datetime | None]:
    """The logical dates before and after by the DAG's schedule, whatever runs there are.

    A run triggered from outside is its own neighbour, as in Airflow.
    """
    if dag_run.was_triggered:
        return dag_run.logical_date, dag_run.logical_date
    following = timetables.following(dag, dag_run.data_interval, dag_run.start_date)
    previous = timetables.previous_time(dag, dag_run.logical_date)
    return (
        pendulum_datetime(following.logical_date) if following else None,
        pendulum_datetime(previous) if previous else None,
    )


def _day(name: str, moment: datetime | None) -> dict[str, Any]:
    if moment is None:
        return {name: None, f"{name}_nodash": None}
    return {name: f"{moment:%Y-%m-%d}", f"{name}_nodash": f"{moment:%Y%m%d}"}
