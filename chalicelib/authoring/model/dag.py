"""``DAG``: tasks, their order, and when they run."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from chalicelib.authoring.dates import as_utc, convert_to_utc, parse, timezone_name
from chalicelib.authoring.exceptions import (
    AirflowDagCycleException,
    AirflowException,
    AirflowTimetableInvalid,
    DuplicateTaskIdFound,
    FailStopDagInvalidTriggerRule,
    NotOffered,
    TaskNotFound,
)
from chalicelib.authoring.model import dag_context
from chalicelib.authoring.model.baseoperator import BaseOperator, Callbacks
from chalicelib.authoring.model.datasets import condition_of
from chalicelib.authoring.model.dependencies import connect
from chalicelib.authoring.model.params import DagParam, ParamsDict
from chalicelib.authoring.model.rules import TriggerRule, validate_id
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.notset import NOTSET, NotSet
from chalicelib.authoring.timetables.base import Timetable
from chalicelib.authoring.timetables.datasets import (
    AssetTriggeredTimetable,
    DatasetOrTimeSchedule,
    DatasetTriggeredTimetable,
)
from chalicelib.authoring.timetables.of_schedule import is_custom, planning_of, rebuilt, timetable_of
from chalicelib.domain.schedule import timetables

DEFAULT_SCHEDULE = timedelta(days=1)
"""Airflow 2's schedule of a DAG that gives none."""

DEFAULT_MAX_ACTIVE_RUNS = 16
DEFAULT_MAX_ACTIVE_TASKS = 16

_RULES_WITH_FAIL_STOP = frozenset({TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS})
"""The second is that of teardowns."""

Schedule = str | timedelta | Timetable | Any
"""What a schedule may be: None, a text, a duration (also dateutil's ``relativedelta``), or a timetable."""


class DAG:
    """A DAG. The arguments are Airflow 2.10's, and ``fail_fast``, Airflow 3's name of ``fail_stop``.

    ``schedule`` is a cron text or preset, a timedelta, a timetable, None, or datasets (a list asks for all
    of them).
    Naive dates are taken to be in UTC; dates are kept in UTC, ``timezone`` is the name of the zone that
    ``start_date`` was given in, which cron texts are read in. ``fileloc`` is the DAG's file; the loader
    sets it and ``dags_folder``.
    """

    is_of_airflow_3: ClassVar[bool] = False
    """Whether it was made by Airflow 3's names, whose rules differ."""

    def __init__(
        self,
        dag_id: str,
        description: str | None = None,
        schedule: Any = NOTSET,
        schedule_interval: Any = NOTSET,
        timetable: Any = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        full_filepath: str | None = None,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: type | None = None,
        user_defined_macros: Mapping[str, Any] | None = None,
        user_defined_filters: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
        max_active_tasks: int = DEFAULT_MAX_ACTIVE_TASKS,
        max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: timedelta | None = None,
        sla_miss_callback: Any = None,
        default_view: str = "grid",
        orientation: str = "LR",
        catchup: bool = True,
        on_success_callback: Callbacks = None,
        on_failure_callback: Callbacks = None,
        doc_md: str | None = None,
        params: Mapping[str, Any] | None = None,
        access_control: Mapping[str, Any] | None = None,
        is_paused_upon_creation: bool | None = None,
        jinja_environment_kwargs: Mapping[str, Any] | None = None,
        render_template_as_native_obj: bool = False,
        tags: Collection[str] | None = None,
        owner_links: Mapping[str, str] | None = None,
        auto_register: bool = True,
        fail_stop: bool = False,
        dag_display_name: str | None = None,
        fail_fast: bool = False,
    ) -> None:
        self.dag_id = validate_id(dag_id)
        self.description = description
        self.dataset_condition = condition_of(schedule)
        self.schedule = (
            _schedule(schedule, schedule_interval, timetable) if self.dataset_condition is None else None
        )
        if isinstance(self.schedule, DatasetOrTimeSchedule):
            self.dataset_condition = condition_of(self.schedule.datasets)
            if self.dataset_condition is None:
                raise AirflowTimetableInvalid("all elements in 'datasets' must be datasets")
        given = (schedule, schedule_interval, timetable)
        self._is_schedule_given = any(not isinstance(value, NotSet) and bool(value) for value in given)
        self.default_args = _with_dates(default_args or {})
        given_start = start_date
        if getattr(start_date, "tzinfo", None) is None:
            given_start = self.default_args.get("start_date")
        self.start_date = convert_to_utc(start_date)
        for name in ("start_date", "end_date"):
            if self.default_args.get(name) is not None:
                self.default_args[name] = as_utc(self.default_args[name])
        self.timezone = timezone_name(given_start)
        self.end_date = convert_to_utc(end_date)

        self.fileloc = full_filepath or _calling_file()
        self.dags_folder: Path | None = None
        self.template_searchpath = _texts(template_searchpath)
        self.template_undefined = template_undefined
        self.user_defined_macros = dict(user_defined_macros or {})
        self.user_defined_filters = dict(user_defined_filters or {})
        self.jinja_environment_kwargs = dict(jinja_environment_kwargs or {})
        self.render_template_as_native_obj = render_template_as_native_obj

        self.max_active_tasks = max_active_tasks if concurrency is None else concurrency
        self.max_active_runs = max_active_runs
        self._check_active_runs()
        self.max_consecutive_failed_dag_runs = max_consecutive_failed_dag_runs
        if max_consecutive_failed_dag_runs < 0:
            raise AirflowException(
                f"Invalid max_consecutive_failed_dag_runs: {max_consecutive_failed_dag_runs}."
                "Requires max_consecutive_failed_dag_runs >= 0"
            )
        self.dagrun_timeout = dagrun_timeout
        self.catchup = catchup
        self.fail_stop = fail_stop or fail_fast
        self.is_paused_upon_creation = is_paused_upon_creation
        self.on_success_callback = on_success_callback
        self.on_failure_callback = on_failure_callback
        self.sla_miss_callback = sla_miss_callback

        self.default_view = default_view
        self.orientation = orientation
        self.doc_md = _text_of_file(doc_md)
        self.tags = _tags(tags)
        self.access_control = access_control
        self.owner_links = dict(owner_links or {})
        self.dag_display_name = dag_display_name or dag_id
        self.params = ParamsDict(params).merged(self.default_args.pop("params", None))
        self.auto_register = auto_register
        self.task_dict: dict[str, BaseOperator] = {}
        self.edge_info: dict[str, dict[str, dict[str, str | None]]] = {}
        self._groups: dict[str, TaskGroup] = {}
        self.task_group = TaskGroup(None, dag=self)
        self.parent_dag: DAG | None = None
        self.subdags: list[DAG] = []

    @property
    def is_subdag(self) -> bool:
        """Whether the runs of the DAG are tasks of another one."""
        return self.parent_dag is not None

    def become_subdag_of(self, parent: "DAG") -> None:
        """Have runs only as tasks of that DAG: no schedule, and no pause of its own to begin with."""
        self.parent_dag = parent
        self.schedule = None
        self.is_paused_upon_creation = False
        parent.subdags.append(self)

    @property
    def schedule_interval(self) -> Schedule:
        """The older name of ``schedule``; of a timetable, and of datasets, its summary."""
        is_plain = self.dataset_condition is None and not isinstance(self.schedule, Timetable)
        return self.schedule if is_plain else self.timetable.summary

    @property
    def timetable(self) -> Timetable:
        """The timetable that was given, or Airflow's of the schedule."""
        if isinstance(self.schedule, Timetable):
            return self.schedule
        if self.dataset_condition is not None:
            return AssetTriggeredTimetable() if self.is_of_airflow_3 else DatasetTriggeredTimetable()
        return timetable_of(self.schedule, self.timezone, is_trigger=self.is_of_airflow_3)

    def _check_active_runs(self) -> None:
        limit = self.timetable.active_runs_limit
        if limit is not None and limit < self.max_active_runs:
            raise AirflowException(
                f"Invalid max_active_runs: {type(self.timetable)} requires max_active_runs <= {limit}"
            )

    @property
    def planning(self) -> timetables.Schedule:
        """When the DAG runs by the clock, its tasks' dates included.

        It begins with the DAG's start date, or where it has none with its first task's; it ends with the
        DAG's end date, or where it has none and all its tasks have one with the last of them.
        """
        starts = [task.start_date for task in self.tasks if task.start_date is not None]
        ends = [task.end_date for task in self.tasks if task.end_date is not None]
        last_end = max(ends, default=None) if len(ends) == len(self.tasks) else None
        return replace(
            self._rhythm(),
            start_date=self.start_date or min(starts, default=None),
            end_date=self.end_date or last_end,
            catchup=self.catchup,
            max_active_runs=self.max_active_runs,
        )

    def _rhythm(self) -> timetables.Schedule:
        """When the DAG runs by the clock, its dates aside."""
        if isinstance(self.schedule, str):  # a preset stays one
            return timetables.Schedule(
                expression=self.schedule,
                timezone=self.timezone,
                is_trigger=self.is_of_airflow_3 and self.timetable.periodic,
            )
        rhythm = planning_of(self.timetable)
        if rhythm.is_trigger and not self.is_of_airflow_3:
            rhythm = replace(rhythm, run_immediately=True)
        # Of a timetable the zone is its own.
        return rhythm if isinstance(self.schedule, Timetable) else replace(rhythm, timezone=self.timezone)

    @property
    def tasks(self) -> list[BaseOperator]:
        """The tasks, in the order they were made."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """Their ids."""
        return list(self.task_dict)

    @property
    def roots(self) -> list[BaseOperator]:
        """The tasks that come after none."""
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[BaseOperator]:
        """The tasks that come before none."""
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def owner(self) -> str:
        """The owners of the tasks, without repetition."""
        return ", ".join(dict.fromkeys(task.owner for task in self.tasks))

    @property
    def folder(self) -> str:
        """The folder of the DAG's file, where template files are looked for first."""
        return os.path.dirname(self.fileloc)

    def has_task(self, task_id: str) -> bool:
        """Whether there is a task of that id."""
        return task_id in self.task_dict

    def get_task(self, task_id: str) -> BaseOperator:
        """The task of that id; raises ``TaskNotFound``."""
        if task_id not in self.task_dict:
            raise TaskNotFound(f"Task {task_id} not found")
        return self.task_dict[task_id]

    @property
    def task_group_dict(self) -> dict[str, TaskGroup]:
        """Its task groups by their full ids."""
        return dict(self._groups)

    def find_group(self, group_id: str) -> TaskGroup | None:
        """The task group of that full id, or None."""
        return self._groups.get(group_id)

    def has_member(self, member_id: str) -> bool:
        """Whether a task or group of that full id exists: they share their names."""
        return member_id in self.task_dict or member_id in self._groups

    def member_ids(self) -> Iterator[str]:
        """The full ids of all tasks and groups."""
        yield from self.task_dict
        yield from self._groups

    def add_group(self, group: TaskGroup) -> None:
        """Take a group in; the group calls it."""
        if group.group_id is not None:
            self._groups[group.group_id] = group

    def add_task(self, task: BaseOperator) -> None:
        """Take a task in.

        Raises ``DuplicateTaskIdFound`` if another task or group has its id, and
        ``FailStopDagInvalidTriggerRule`` for a rule that a DAG with ``fail_stop`` cannot have.
        """
        self._check_rule(task)
        if self.task_dict.get(task.task_id) is task:
            return
        if self.has_member(task.task_id):
            raise DuplicateTaskIdFound(f"Task id '{task.task_id}' has already been added to the DAG")
        if task.task_group is None:
            task.task_group = self.task_group
            self.task_group.add(task)
        self.task_dict[task.task_id] = task
        task.join_dag(self)

    def add_tasks(self, tasks: Iterable[BaseOperator]) -> None:
        """Take several tasks in."""
        for task in tasks:
            self.add_task(task)

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Make one task run after another."""
        connect(self.get_task(upstream_task_id), self.get_task(downstream_task_id))

    def param(self, name: str, default: Any = NOTSET) -> DagParam:
        """A reference to a param, resolved when a task runs."""
        return DagParam(self, name, default)

    def topological_sort(self) -> list[BaseOperator]:
        """The tasks, each after its upstreams, otherwise in the order they were made.

        Raises ``AirflowDagCycleException`` that names a task of the cycle.
        """
        waiting = {task.task_id: set(task.upstream_task_ids) for task in self.tasks}
        ordered: list[BaseOperator] = []
        ready = [task_id for task_id, upstream in waiting.items() if not upstream]
        while ready:
            following: list[str] = []
            for task_id in ready:
                del waiting[task_id]
                ordered.append(self.task_dict[task_id])
                for successor in self._in_order(self.task_dict[task_id].downstream_task_ids):
                    waiting[successor].discard(task_id)
                    if not waiting[successor]:
                        following.append(successor)
            ready = following
        if waiting:
            raise AirflowDagCycleException(
                f"Cycle detected in DAG: {self.dag_id}. Faulty task: {self._task_on_cycle(waiting)}"
            )
        return ordered

    def _in_order(self, task_ids: set[str]) -> list[str]:
        return sorted(task_ids, key=self._positions().__getitem__)

    def _positions(self) -> dict[str, int]:
        if len(self.__dict__.get("_known_positions", ())) != len(self.task_dict):
            self._known_positions = {task_id: index for index, task_id in enumerate(self.task_dict)}
        return self._known_positions

    def _task_on_cycle(self, waiting: Mapping[str, set[str]]) -> str:
        """Of the tasks that wait for each other, one that waits for itself, not merely for the cycle."""
        task_id, seen = min(waiting), set[str]()
        while task_id not in seen:
            seen.add(task_id)
            task_id = min(waiting[task_id])
        return task_id

    def validate(self) -> None:
        """Check what only the finished DAG can tell.

        Raises ``AirflowDagCycleException`` for a cycle, ``ValueError`` for a schedule without a start
        date and for what follows a setup by any rule but ``all_success``, ``AirflowTimetableInvalid`` for
        a schedule that no runs can be planned from, ``AirflowException`` for a schedule with params that
        need a value for each run, and what ``add_task`` raises for a trigger rule.
        """
        self.topological_sort()
        self._validate_setups()
        for task in self.tasks:
            self._check_rule(task)
        # Also without a schedule: so the library that checks is there before processes of tries are forked.
        refused = self.params.refusals()
        if self.schedule is None:
            return
        self._check_start()
        try:
            self.planning.check()
        except timetables.InvalidSchedule as error:
            raise AirflowTimetableInvalid(str(error)) from None
        self._check_timetable()
        if refused and self.timetable.can_be_scheduled:
            raise AirflowException(
                "DAG is not allowed to define a Schedule, if there are any required params without "
                f"default values or default values are not valid. {refused[0]}"
            )

    def _check_timetable(self) -> None:
        """Raises what the user's own does that says what is wrong, or of which there is no stored form."""
        self.timetable.validate()
        if is_custom(self.timetable):
            rebuilt(self.timetable)

    def _check_start(self) -> None:
        if not self._is_schedule_given or self.start_date is not None:
            return  # of a DAG that has its schedule by default no runs are planned, as in Airflow
        if any(task.start_date is None for task in self.tasks):
            raise ValueError("DAG is missing the start_date parameter")

    def _validate_setups(self) -> None:
        after_setups = (after for task in self.tasks if task.is_setup for after in task.downstream_list)
        if any(
            not task.is_teardown and task.trigger_rule != TriggerRule.ALL_SUCCESS for task in after_setups
        ):
            raise ValueError("Setup tasks must be followed with trigger rule ALL_SUCCESS.")

    def _check_rule(self, task: BaseOperator) -> None:
        if self.fail_stop and task.trigger_rule not in _RULES_WITH_FAIL_STOP:
            raise FailStopDagInvalidTriggerRule

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, str | None]:
        """The ``label`` between two tasks; empty if there is none."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def set_edge_info(
        self, upstream_task_id: str, downstream_task_id: str, info: dict[str, str | None]
    ) -> None:
        """Keep the ``label`` between two tasks, in place of an earlier one."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def __enter__(self) -> Self:
        dag_context.enter_dag(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        dag_context.leave_dag()

    def __repr__(self) -> str:
        return f"<DAG: {self.dag_id}>"


def _schedule(schedule: Any, schedule_interval: Any, timetable: Any) -> Schedule:
    given = [value for value in (schedule, schedule_interval) if not isinstance(value, NotSet)]
    given += [timetable] if timetable is not None else []
    if len(given) > 1:
        raise ValueError("At most one allowed for args 'schedule_interval', 'timetable', and 'schedule'.")
    value = given[0] if given else DEFAULT_SCHEDULE
    if isinstance(value, Timetable):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str):
        raise NotOffered(
            f"a schedule of type {type(value).__name__}; give a cron text, a preset, a timedelta, "
            "a timetable, datasets or None"
        )
    timetable_of(value, "UTC")  # refuses what is none
    return value


def _with_dates(default_args: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, with dates that are given as texts as such; an end is in the zone of the start."""
    start, end = default_args.get("start_date"), default_args.get("end_date")
    dates: dict[str, Any] = {}
    if isinstance(start, str):
        dates["start_date"] = start = parse(start)
    if isinstance(end, str):
        dates["end_date"] = parse(end, timezone=getattr(start, "tzinfo", None))
    return {**default_args, **dates}


def _texts(value: str | Iterable[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _text_of_file(doc_md: str | None) -> str | None:
    """A documentation; one that names a file of Markdown which is there is that file's text."""
    if doc_md is None or not doc_md.endswith(".md") or not os.path.isfile(doc_md):
        return doc_md
    return Path(doc_md).read_text()


def _tags(value: Collection[str] | None) -> Collection[str]:
    if any(len(tag) > 100 for tag in value or ()):
        raise AirflowException("tag cannot be longer than 100 characters")
    return value if isinstance(value, set) else list(value or ())


def _calling_file() -> str:
    """The file that makes the DAG: the first caller outside this package."""
    here = os.path.dirname(os.path.dirname(__file__))
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame = frame.f_back
    return frame.f_code.co_filename
