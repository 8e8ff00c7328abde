"""View of ``/dags/{dag_id}/dag_runs/{execution_date}/tasks/{task_id}``: a task in a run."""

from typing import Any

from chalicelib import bootstrap
from chalicelib.api.experimental.dag_runs import dag_run_text
from chalicelib.api.http import storable
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply
from chalicelib.domain.graph.graph import Task
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.tasks.task_instances import TaskInstance

_NOT_KEPT_HERE = (
    "custom_operator_name",
    "executor",
    "external_executor_id",
    "job_id",
    "next_kwargs",
    "queued_by_job_id",
    "rendered_map_index",
    "rendered_task_instance_fields",
)
"""Attributes of Airflow's task instances without a counterpart here: always ``None``."""


def task_instance(request: Request) -> Reply:
    """Shows the task instance's attributes, each as the text that Python's ``str()`` gives."""
    from chalicelib.engine.reading.queries import get_task_instance
    from chalicelib.engine.runs.execution_dates import execution_date

    date = execution_date(request.path["execution_date"])
    found = get_task_instance(bootstrap.engine(), storable.dag_id(request), date, request.path["task_id"])
    return json_reply({name: str(value) for name, value in _attributes(*found).items()})


def _attributes(run: DagRun, task: Task, instance: TaskInstance) -> dict[str, Any]:
    """The union of what Airflow 1.10 (``execution_date``) and 2.10 (``run_id``, ``map_index``...) show."""
    return {
        **dict.fromkeys(_NOT_KEPT_HERE),
        **_deferral_of(instance),
        "dag_id": run.dag_id,
        "dag_run": dag_run_text(run, run.execution_date),
        "duration": instance.duration,
        "end_date": instance.end_date,
        "execution_date": run.execution_date,
        "executor_config": {},
        "hostname": instance.hostname or "",
        "map_index": instance.map_index,
        "max_tries": task.retries if instance.max_tries is None else instance.max_tries,
        "operator": task.operator,
        "pid": instance.pid,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": task.priority_weight,
        "queue": task.queue,
        "queued_dttm": instance.queued_dttm,
        "run_id": run.run_id,
        "start_date": instance.start_date,
        "state": instance.state,
        "task_display_name": task.task_id,
        "task_id": task.task_id,
        "test_mode": False,
        "try_number": instance.try_number,
        "unixname": instance.unixname,
        # Airflow makes the instances with their run; one that nothing touched is as old as that.
        "updated_at": instance.updated_at or run.queued_at,
    }


def _deferral_of(instance: TaskInstance) -> dict[str, Any]:
    """What Airflow shows of a deferral: the trigger until it fires, the method until the try is over."""
    deferral = instance.deferral
    if deferral is None:
        return dict.fromkeys(("next_method", "trigger_id", "trigger_timeout"))
    waits = not deferral.has_fired
    return {
        "next_method": "__fail__" if deferral.error is not None else deferral.method_name,
        "trigger_id": deferral.trigger_id if waits else None,
        # Without an offset: Airflow keeps it so.
        "trigger_timeout": deferral.timeout_at.replace(tzinfo=None) if deferral.timeout_at else None,
    }
