"""A DAG as a document: what the engine works on and the API shows, without the DAG's code.

JSON values only, and the same for the same file wherever it is loaded: sets are sorted, memory addresses
cut out of texts.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.authoring.dates import as_utc, parse
from chalicelib.authoring.loading.expansions import expansion_of
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.datasets import BaseDataset, Dataset
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.authoring.model.params import Param, ParamsDict
from chalicelib.authoring.operators.branch import BranchMixIn, SkipMixin
from chalicelib.authoring.operators.external_task_marker import XCOM_MARKED, ExternalTaskMarker
from chalicelib.authoring.operators.python import ShortCircuitOperator
from chalicelib.authoring.running import listening
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.surroundings.configuration import conf
from chalicelib.authoring.timetables.base import Timetable
from chalicelib.authoring.timetables.of_schedule import is_custom
from chalicelib.domain.graph.callbacks import DAG_CALLBACKS, TASK_CALLBACKS, CallbackKind
from chalicelib.domain.graph.graph import MaySkip
from chalicelib.domain.runs.dataset_changes import check_extra
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition, dataset_reference
from chalicelib.domain.schedule.timetables import Schedule, timetable_fields

Document = dict[str, Any]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_ATTRIBUTES = (
    "allow_nested_operators",
    "depends_on_past",
    "do_xcom_push",
    "doc",
    "doc_json",
    "doc_md",
    "doc_rst",
    "doc_yaml",
    "downstream_task_ids",
    "email",
    "email_on_failure",
    "email_on_retry",
    "end_date",
    "execution_timeout",
    "executor",
    "executor_config",
    "ignore_first_depends_on_past",
    "inlets",
    "map_index_template",
    "max_active_tis_per_dag",
    "max_active_tis_per_dagrun",
    "max_retry_delay",
    "multiple_outputs",
    "on_execute_callback",
    "on_failure_callback",
    "on_retry_callback",
    "on_skipped_callback",
    "on_success_callback",
    "operator_extra_links",
    "outlets",
    "owner",
    "params",
    "pool",
    "pool_slots",
    "priority_weight",
    "queue",
    "resources",
    "retries",
    "retry_delay",
    "retry_exponential_backoff",
    "run_as_user",
    "sla",
    "start_date",
    "start_from_trigger",
    "start_trigger_args",
    "task_group",
    "task_id",
    "template_ext",
    "template_fields",
    "template_fields_renderers",
    "trigger_rule",
    "ui_color",
    "ui_fgcolor",
    "upstream_task_ids",
    "wait_for_downstream",
    "wait_for_past_depends_before_skipping",
    "weight_rule",
)
"""What Airflow 2.10 shows of every task; an operator's templated attributes are shown as well.

Other attributes of the user's operators are not: they may hold anything, secrets included.
"""

_AS_LIST = frozenset({"template_ext", "template_fields"})
_AS_TEXTS = frozenset({"inlets", "outlets"})
"""Attributes that Airflow keeps as lists, and as lists of texts, whatever they were."""


def serialize(dag: DAG, fileloc: str) -> Document:
    """The document of a DAG; ``fileloc`` is its file's path in the DAGs folder.

    ``start_date`` and ``end_date`` bound the schedule: the DAG's, or where it has none its tasks' (the
    earliest start; the latest end if all have one). ``default_start_date`` is the one in
    ``default_args``. Dates are ISO in UTC, durations seconds. Tasks come in topological order and name
    their upstreams; ``priority_weight`` of a task is the total that counts in its pool.
    """
    planning = dag.planning
    return {
        **({"is_trigger": True} if planning.is_trigger else {}),
        **_datasets(dag),
        **_timetable(dag, planning),
        "timetable_description": str(dag.timetable.description),
        "dag_id": dag.dag_id,
        "description": dag.description,
        "fileloc": fileloc,
        "owner": dag.owner,
        "schedule": planning.expression,
        "timezone": planning.timezone,
        "start_date": _date(planning.start_date),
        "default_start_date": _date(dag.default_args.get("start_date")),
        "end_date": _date(planning.end_date),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "max_active_tasks": dag.max_active_tasks,
        "dagrun_timeout": _seconds(dag.dagrun_timeout),
        "fail_stop": dag.fail_stop,
        "tags": sorted(dag.tags),
        "params": {name: _param(param) for name, param in dag.params.items()},
        "is_paused_upon_creation": dag.is_paused_upon_creation,
        "render_template_as_native_obj": dag.render_template_as_native_obj,
        "callbacks": sorted({*_callbacks(dag, DAG_CALLBACKS), *listening.kinds_of_runs()}),
        **({"groups": groups} if (groups := _groups(dag)) else {}),
        **({"max_consecutive_failed_dag_runs": most} if (most := _most_failures(dag)) else {}),
        "tasks": [_task(task) for task in dag.topological_sort()],
    }


def _most_failures(dag: DAG) -> int:
    """After how many failed runs in a row a DAG is paused; where its file says nothing, the setting does."""
    return dag.max_consecutive_failed_dag_runs or conf.getint(
        "core", "max_consecutive_failed_dag_runs_per_dag"
    )


def _datasets(dag: DAG) -> Document:
    """The condition of a DAG that runs by datasets, and what it says of all datasets that it names.

    That is ``extra`` (a JSON text), and of Airflow 3's ``name`` and ``group`` where they are told. Raises
    ``InvalidRequest`` for an extra that is too large.
    """
    condition = dag.dataset_condition
    named = dict(condition.iter_datasets()) if condition else {}
    for task in dag.tasks:
        of_task = (*task.outlets, *(task.inlets if dag.is_of_airflow_3 else ()))
        named |= {each.uri: each for each in of_task if isinstance(each, Dataset)}
    document = {
        "dataset_condition": condition.as_expression() if condition else None,
        "datasets": {dataset_reference(uri): _told_of(named[uri]) for uri in sorted(named)},
    }
    return {name: value for name, value in document.items() if value}


def _told_of(dataset: Dataset) -> dict[str, str]:
    extra = _json(dataset.extra or {})
    check_extra(extra)
    return {"extra": json.dumps(extra), **dataset.naming}


def _dataset_outlets(task: BaseOperator) -> list[str] | None:
    """The references of the datasets and aliases among a task's outlets."""
    conditions = [each for each in task.outlets if isinstance(each, BaseDataset)]
    found = {ref for each in conditions for ref in DatasetCondition.of(each.as_expression()).references}
    return sorted(found) or None


def _groups(dag: DAG) -> dict[str, list[str]]:
    """The tasks of each task group, those in groups inside it included."""
    groups: dict[str, list[str]] = {}
    for task in dag.topological_sort():
        group = task.task_group
        while group is not None and group.group_id:
            groups.setdefault(group.group_id, []).append(task.task_id)
            group = group.parent_group
    return {group_id: sorted(task_ids) for group_id, task_ids in sorted(groups.items())}


def _timetable(dag: DAG, planning: Schedule) -> Document:
    """What only a timetable object says of a schedule.

    Of a class of the user's own this holds all that it is made of: another one is another version.
    """
    if not isinstance(dag.schedule, Timetable):
        return {}
    said = {"summary": str(dag.schedule.summary), **timetable_fields(planning)}
    if is_custom(dag.schedule):
        said |= {"type": type(dag.schedule).__qualname__, "data": dag.schedule.serialize()}
    return {"timetable": said}


def _param(param: Param) -> Document:
    """A param; ``refusal`` says why a run cannot do with its value."""
    return {
        "value": _json(param.value) if param.has_value else None,
        "description": param.description,
        "schema": _json(param.schema or {}),
        "refusal": param.refusal,
    }


def attributes(task: BaseOperator) -> dict[str, str]:
    """The task's public attributes as texts: Python's ``str()`` of them, with sets sorted.

    Of a mapped task Airflow shows what it is mapped over, and its templated attributes as if they had no
    values.
    """
    if isinstance(task, MappedOperator):
        unknown = dict.fromkeys(task.template_fields)
        return {name: text_of(value) for name, value in (unknown | task.mapped_attributes()).items()}
    names = dict.fromkeys((*_ATTRIBUTES, *_own_attributes(task), *task.template_fields))
    return {name: _attribute(task, name) for name in sorted(names)}


def _own_attributes(task: BaseOperator) -> tuple[str, ...]:
    """What Airflow shows of sensors only."""
    return ("reschedule",) if isinstance(task, BaseSensorOperator) else ()


def text_of(value: Any) -> str:
    """Python's ``str()`` of a value, but the same every time: sets sorted, no memory addresses."""
    if value is None or isinstance(value, str | int | float | timedelta | datetime):
        return str(value)
    return _repr(value)


def _task(task: BaseOperator) -> Document:
    optional = {
        "start_date": _date(task.start_date),
        "end_date": _date(task.end_date),
        "expansion": expansion_of(task),
        "colours": _colours(task),
        "dataset_outlets": _dataset_outlets(task),
        "mark": _mark(task),
        "wait_for_past_depends_before_skipping": task.wait_for_past_depends_before_skipping or None,
    }
    return {
        **{name: value for name, value in optional.items() if value is not None},
        "task_id": task.task_id,
        "operator": task.task_type,
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": str(task.trigger_rule),
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "retry_exponential_backoff": bool(task.retry_exponential_backoff),
        "max_retry_delay": _seconds(task.max_retry_delay),
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": task.priority_weight_total,
        "queue": task.queue,
        "depends_on_past": task.depends_on_past,
        "wait_for_downstream": task.wait_for_downstream,
        "execution_timeout": _seconds(task.execution_timeout),
        "is_empty": _is_empty(task),
        "may_skip": _may_skip(task),
        "is_setup": task.is_setup,
        "is_teardown": task.is_teardown,
        "on_failure_fail_dagrun": task.on_failure_fail_dagrun,
        "max_active_tis_per_dag": task.max_active_tis_per_dag,
        "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
        "callbacks": _callbacks(task, TASK_CALLBACKS),
        "attributes": attributes(task),
    }


def _colours(task: BaseOperator) -> dict[str, str] | None:
    """Those of a mapped task, of which the API does not show them."""
    names = ("ui_color", "ui_fgcolor")
    return {name: getattr(task, name) for name in names} if isinstance(task, MappedOperator) else None


def _mark(task: BaseOperator) -> Document | None:
    """The task of another DAG that is cleared with this one."""
    if not isinstance(task, ExternalTaskMarker):
        return None
    dated = task.is_of_same_date or task.needs_rendering
    return {
        "dag_id": task.external_dag_id,
        "task_id": task.external_task_id,
        "execution_date": None if dated else _date(as_utc(parse(task.execution_date))),
        "recursion_depth": task.recursion_depth,
        "xcom_key": XCOM_MARKED if task.needs_rendering else None,
    }


def _callbacks(owner: DAG | BaseOperator, kinds: Iterable[CallbackKind]) -> list[str]:
    """Which callbacks of these kinds there are; the functions themselves stay in the file."""
    return sorted(kind for kind in kinds if getattr(owner, kind))


def _may_skip(task: BaseOperator) -> MaySkip:
    """Which tasks the engine has to expect skip orders for; of a stranger's SkipMixin any downstream."""
    operator_class = task.operator_class if isinstance(task, MappedOperator) else type(task)
    if issubclass(operator_class, BranchMixIn):
        return MaySkip.BRANCH
    if issubclass(operator_class, ShortCircuitOperator) and _respects_trigger_rules(task):
        return MaySkip.DIRECT
    return MaySkip.ALL if issubclass(operator_class, SkipMixin) else MaySkip.NONE


def _respects_trigger_rules(task: BaseOperator) -> bool:
    """Whether a short circuit is known to leave what is far downstream to the trigger rules."""
    name = "ignore_downstream_trigger_rules"
    ignores = task.common_argument(name, True) if isinstance(task, MappedOperator) else getattr(task, name)
    return not ignores


def _is_empty(task: BaseOperator) -> bool:
    """Whether the task can be completed without a worker, by Airflow's rule."""
    if not task.inherits_from_empty_operator:
        return False
    if isinstance(task, ExternalTaskMarker) and task.needs_rendering:
        return False
    return not (task.on_execute_callback or task.on_success_callback or task.outlets)


def _date(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


def _json(value: Any) -> Any:
    """The value with what JSON has no form for as texts: a param may be anything."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return text_of(value)


def _attribute(task: BaseOperator, name: str) -> str:
    value = getattr(task, name, None)
    if isinstance(value, ParamsDict):
        value = value.dump()
    if name in task.template_fields:
        value = _as_json(value)
    if name in _AS_LIST:
        value = list(value or ())
    if name in _AS_TEXTS:
        value = [item if isinstance(item, str) else _repr(item) for item in value or ()]
    return text_of(value)


def _as_json(value: Any) -> Any:
    """A templated value as Airflow keeps it: with lists for tuples, where JSON has a form for all of it."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return value


def _repr(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_repr(key)}: {_repr(item)}" for key, item in value.items()) + "}"
    write = _CONTAINERS.get(type(value))
    if write is not None:
        return write(value)
    return _ADDRESS.sub("", repr(value))


def _repr_tuple(value: Any) -> str:
    comma = "," if len(value) == 1 else ""
    return f"({', '.join(map(_repr, value))}{comma})"


def _repr_set(value: Any) -> str:
    return "{" + ", ".join(sorted(map(_repr, value))) + "}" if value else "set()"


_CONTAINERS: dict[type, Callable[[Any], str]] = {
    list: lambda value: f"[{', '.join(map(_repr, value))}]",
    tuple: _repr_tuple,
    set: _repr_set,
    frozenset: lambda value: f"frozenset({_repr_set(value) if value else ''})",
}
