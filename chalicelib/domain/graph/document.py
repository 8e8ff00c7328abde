"""``graph_from_document``: the graph of a serialized DAG."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.graph import width
from chalicelib.domain.graph.callbacks import CallbackKind, due_of_task
from chalicelib.domain.graph.expansion import expansion_from_document
from chalicelib.domain.graph.graph import Graph, MaySkip, Task
from chalicelib.domain.graph.marks import mark_from_document
from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.slots import limits
from chalicelib.domain.slots.limits import Limit, Share


def graph_from_document(document: Mapping[str, Any]) -> Graph:
    """Build the graph from a serialized DAG (``authoring.loading.serialization``)."""
    downstream: dict[str, list[str]] = {task["task_id"]: [] for task in document["tasks"]}
    for task in document["tasks"]:
        for upstream in task["upstream"]:
            downstream[upstream].append(task["task_id"])
    tasks = {task["task_id"]: _task(task, tuple(downstream[task["task_id"]])) for task in document["tasks"]}
    is_kept_by_shape = _is_kept_by_shape(document, tasks)
    return Graph(
        document["dag_id"],
        _limited(document, tasks, is_kept_by_shape=is_kept_by_shape),
        active_runs=limits.active_runs(document["dag_id"], document["max_active_runs"]),
        catchup=document["catchup"],
        dagrun_timeout=_duration(document.get("dagrun_timeout")),
        callbacks=_callbacks(document),
        share_of_run=_share_of_run(document) if is_kept_by_shape else None,
        fail_stop=document.get("fail_stop", False),
        most_failures=document.get("max_consecutive_failed_dag_runs", 0),
    )


def _is_kept_by_shape(document: Mapping[str, Any], tasks: Mapping[str, Task]) -> bool:
    """Whether the runs of a DAG, none of whose tasks is altered by hand, never reach ``max_active_tasks``."""
    most_runs: int = document["max_active_runs"]
    most_tasks: int = document["max_active_tasks"]
    widest = width.widest(tasks)
    return widest is not None and most_runs >= 1 and widest * most_runs <= most_tasks


def _share_of_run(document: Mapping[str, Any]) -> Share:
    limit = limits.active_tasks(document["dag_id"], document["max_active_tasks"])
    return limits.share_of_run(limit, document["max_active_runs"])


def _limited(
    document: Mapping[str, Any], tasks: Mapping[str, Task], *, is_kept_by_shape: bool
) -> dict[str, Task]:
    """The tasks with the limits that can bind.

    A limit that what the DAG may run at once never reaches costs nothing.
    """
    shared: tuple[Limit, ...] = ()
    if not is_kept_by_shape:
        shared = (limits.active_tasks(document["dag_id"], document["max_active_tasks"]),)
    own = {task["task_id"]: _own_limits(document, task, tasks) for task in document["tasks"]}
    return {name: replace(task, limits=(*shared, *own[name])) for name, task in tasks.items()}


def _own_limits(
    document: Mapping[str, Any], task: Mapping[str, Any], tasks: Mapping[str, Task]
) -> Iterator[Limit]:
    """The limits on the instances of a task that can bind, by how many of them there may be."""
    dag_id, most_runs, name = document["dag_id"], document["max_active_runs"], task["task_id"]
    in_run = tasks[name].most_instances
    in_all = in_run * most_runs if in_run is not None and most_runs >= 1 else None
    per_dag, per_dagrun = task["max_active_tis_per_dag"], task.get("max_active_tis_per_dagrun")
    if per_dag is not None and (in_all is None or in_all > per_dag):
        yield limits.active_instances(dag_id, name, per_dag)
    if per_dagrun is not None and (in_run is None or in_run > per_dagrun):
        yield limits.active_instances_of_run(dag_id, name, per_dagrun)


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _task(document: Mapping[str, Any], downstream: tuple[str, ...]) -> Task:
    return Task(
        task_id=document["task_id"],
        operator=document["operator"],
        upstream=tuple(document["upstream"]),
        downstream=downstream,
        trigger_rule=TriggerRule(document["trigger_rule"]),
        retries=document["retries"],
        retry_delay=timedelta(seconds=document["retry_delay"]),
        retry_exponential_backoff=document["retry_exponential_backoff"],
        max_retry_delay=_duration(document["max_retry_delay"]),
        pool=document["pool"],
        pool_slots=document["pool_slots"],
        priority_weight=document["priority_weight"],
        queue=document["queue"],
        is_empty=document["is_empty"],
        may_skip=MaySkip(document["may_skip"]),
        depends_on_past=document["depends_on_past"],
        wait_for_downstream=document["wait_for_downstream"],
        wait_for_past_depends_before_skipping=document.get("wait_for_past_depends_before_skipping", False),
        attributes=document["attributes"],
        colours=document.get("colours", {}),
        callbacks=due_of_task(_callbacks(document)),
        is_setup=document.get("is_setup", False),
        is_teardown=document.get("is_teardown", False),
        on_failure_fail_dagrun=document.get("on_failure_fail_dagrun", False),
        expansion=expansion_from_document(document.get("expansion")),
        start_date=_date(document.get("start_date")),
        end_date=_date(document.get("end_date")),
        mark=mark_from_document(document.get("mark")),
    )


def _date(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _callbacks(document: Mapping[str, Any]) -> frozenset[CallbackKind]:
    return frozenset(CallbackKind(name) for name in document.get("callbacks", ()))
