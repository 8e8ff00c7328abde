"""Airflow 3's ``DAG`` and ``@dag``: no schedule and no catchup by default, runs that stand for moments."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.authoring.exceptions import FailFastDagInvalidTriggerRule, FailStopDagInvalidTriggerRule
from chalicelib.authoring.model import dag as airflow_2
from chalicelib.authoring.model.baseoperator import BaseOperator, Callbacks
from chalicelib.authoring.taskflow import decorators


class DAG(airflow_2.DAG):
    """A DAG by Airflow 3's rules.

    Arguments that Airflow 3 has taken away (``schedule_interval``, ``timetable``, ``fail_stop``,
    ``concurrency``…) are refused with ``TypeError``. ``deadline``, ``allowed_run_types`` and
    ``rerun_with_latest_version`` are taken and decide nothing.
    """

    is_of_airflow_3 = True

    def __init__(
        self,
        dag_id: str,
        *,
        description: str | None = None,
        schedule: Any = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        template_searchpath: str | Iterable[str] | None = None,
        template_undefined: type | None = None,
        user_defined_macros: Mapping[str, Any] | None = None,
        user_defined_filters: Mapping[str, Any] | None = None,
        default_args: Mapping[str, Any] | None = None,
        max_active_tasks: int = airflow_2.DEFAULT_MAX_ACTIVE_TASKS,
        max_active_runs: int = airflow_2.DEFAULT_MAX_ACTIVE_RUNS,
        max_consecutive_failed_dag_runs: int = 0,
        dagrun_timeout: timedelta | None = None,
        sla_miss_callback: Any = None,
        catchup: bool = False,
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
        fail_fast: bool = False,
        dag_display_name: str | None = None,
        deadline: Any = None,
        allowed_run_types: Any = None,
        rerun_with_latest_version: bool | None = None,
    ) -> None:
        super().__init__(
            dag_id,
            description=description,
            schedule=schedule,
            start_date=start_date,
            end_date=end_date,
            template_searchpath=template_searchpath,
            template_undefined=template_undefined,
            user_defined_macros=user_defined_macros,
            user_defined_filters=user_defined_filters,
            default_args=default_args,
            max_active_tasks=max_active_tasks,
            max_active_runs=max_active_runs,
            max_consecutive_failed_dag_runs=max_consecutive_failed_dag_runs,
            dagrun_timeout=dagrun_timeout,
            sla_miss_callback=sla_miss_callback,
            catchup=catchup,
            on_success_callback=on_success_callback,
            on_failure_callback=on_failure_callback,
            doc_md=doc_md,
            params=params,
            access_control=access_control,
            is_paused_upon_creation=is_paused_upon_creation,
            jinja_environment_kwargs=jinja_environment_kwargs,
            render_template_as_native_obj=render_template_as_native_obj,
            tags=set(tags or ()),
            owner_links=owner_links,
            auto_register=auto_register,
            fail_fast=fail_fast,
            dag_display_name=dag_display_name,
        )
        self.deadline = deadline
        self.allowed_run_types = allowed_run_types
        self.rerun_with_latest_version = rerun_with_latest_version

    @property
    def fail_fast(self) -> bool:
        """The name in Airflow 3 of ``fail_stop``."""
        return self.fail_stop

    def _check_rule(self, task: BaseOperator) -> None:
        try:
            super()._check_rule(task)
        except FailStopDagInvalidTriggerRule:
            raise FailFastDagInvalidTriggerRule from None

    def _check_start(self) -> None:
        if self.catchup and self.planning.start_date is None:
            raise ValueError("start_date is required when catchup=True")


def dag(dag_id: str | Callable[..., Any] = "", **arguments: Any) -> Any:
    """Make a DAG of a function, by Airflow 3's rules."""
    return functools.partial(decorators.dag, dag_class=DAG)(dag_id, **arguments)
