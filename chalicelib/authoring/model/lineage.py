"""Lineage: what a task reads (``inlets``) and writes (``outlets``), and Airflow's entities for it.

Among the inlets, texts name where further ones come from, by Airflow's rules: the id of a task somewhere
upstream stands for the outlets of that task, ``auto`` (or ``AUTO``) for those of all tasks directly
upstream. They are taken as they were in the same run, from an XCom that such an upstream task pushes;
other texts stand for nothing. Among the outlets a text is an outlet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.dependencies import DependencyMixin

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.running.context import Context
    from chalicelib.authoring.running.task_instance import TaskInstance

AUTO = "auto"

PIPELINE_OUTLETS = "pipeline_outlets"
"""The key of the XCom, Airflow's, that holds a task's outlets for those that take them as inlets."""

_AIRFLOW_MODULE = "airflow.lineage.entities"
_ENTITIES = f"lineage entities such as {_AIRFLOW_MODULE}.File"


class Entity:
    """Base of Airflow's own entities; user code may use dataclasses of its own as well."""

    template_fields: ClassVar[tuple[str, ...]] = ()


@dataclass
class File(Entity):
    """A file, somewhere."""

    template_fields: ClassVar[tuple[str, ...]] = ("url",)

    url: str
    type_hint: str | None = None


@dataclass(kw_only=True)
class User(Entity):
    """A person."""

    template_fields: ClassVar[tuple[str, ...]] = ("email", "first_name", "last_name")

    email: str
    first_name: str | None = None
    last_name: str | None = None


@dataclass(kw_only=True)
class Tag(Entity):
    """A word attached to a table or a column."""

    template_fields: ClassVar[tuple[str, ...]] = ("tag_name",)

    tag_name: str


@dataclass(kw_only=True)
class Column(Entity):
    """A column of a table."""

    template_fields: ClassVar[tuple[str, ...]] = ("name", "description", "data_type", "tags")

    name: str
    description: str | None = None
    data_type: str
    tags: list[Tag] = field(default_factory=list)


@dataclass(kw_only=True)
class Table(Entity):
    """A table of a database."""

    template_fields: ClassVar[tuple[str, ...]] = (
        "database",
        "cluster",
        "name",
        "tags",
        "description",
        "columns",
        "owners",
        "extra",
    )

    database: str
    cluster: str
    name: str
    tags: list[Tag] = field(default_factory=list)
    description: str | None = None
    columns: list[Column] = field(default_factory=list)
    owners: list[User] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    type_hint: str | None = None


_OWN_ENTITIES: dict[str, type[Entity]] = {
    f"{_AIRFLOW_MODULE}.{cls.__name__}": cls for cls in (File, User, Tag, Column, Table)
}


def prepare_lineage(function: Callable[..., Any]) -> Callable[..., Any]:
    """Airflow's decorator of ``pre_execute``; it does nothing, for every task's lineage is prepared."""
    return function


def apply_lineage(function: Callable[..., Any]) -> Callable[..., Any]:
    """Airflow's decorator of ``post_execute``; it does nothing, for every task's lineage is recorded."""
    return function


def as_inlets(value: Any) -> list[Any]:
    """Inlets as a list of entities and texts, operators as their ids; raises ``AirflowException``.

    Airflow takes operators too, but a task that has one among its inlets can only fail there.
    """
    return [_as_inlet(item) for item in _as_list(value)]


def as_outlets(value: Any) -> list[Any]:
    """Outlets as a list of entities and texts; raises ``AirflowException`` for anything else."""
    items = _as_list(value)
    for item in items:
        if not (isinstance(item, str) or is_entity(item)):
            raise AirflowException(f"outlets have to be {_ENTITIES} or texts, not {item!r}")
    return items


def lineage_sources(task: "BaseOperator") -> list[str]:
    """The ids of the tasks upstream whose outlets are inlets of this one: those it names, then by id."""
    names = dict.fromkeys(item for item in task.inlets if isinstance(item, str))
    if not names:
        return []
    upstream = task.get_flat_relative_ids(upstream=True)
    named = [name for name in names if name in upstream]
    if names.keys().isdisjoint({AUTO.lower(), AUTO.upper()}):
        return named
    return named + sorted(task.upstream_task_ids.difference(named))


def prepare(ti: "TaskInstance", context: "Context", render: Callable[[Any], Any]) -> None:
    """Render the lineage of a task that is about to run, and fetch the inlets that come from upstream.

    As in Airflow, the task (a copy made for execution) gets the entities it has in this run, and the
    context what was declared, its entities rendered. Costs an XCom's pull for each source.
    """
    task = ti.task
    context["inlets"] = [item if isinstance(item, str) else render(item) for item in task.inlets]
    context["outlets"] = [item if isinstance(item, str) else render(item) for item in task.outlets]
    taken = [item for items in _outlets_of(ti, lineage_sources(task)) for item in items]
    # What was taken is rendered once more, with the context of this task, as in Airflow.
    task.inlets[:] = [item for item in context["inlets"] if not isinstance(item, str)] + render(taken)
    task.outlets[:] = [render(item) if isinstance(item, str) else item for item in context["outlets"]]


def hand_on(ti: "TaskInstance") -> None:
    """Push the outlets of a task that has run, if a task of its DAG takes them as inlets."""
    task = ti.task
    if task.outlets and any(task.task_id in lineage_sources(other) for other in task.dag.tasks):
        ti.xcom_push(PIPELINE_OUTLETS, task.outlets)


def serialized(item: Any) -> str:
    """The text Airflow shows: ``airflow.lineage.entities.File@version=0(url=...,type_hint=None)``.

    What is no entity is shown as Python's ``str()`` of it.
    """
    return str(_plain(item))


def is_entity(value: Any) -> bool:
    """Whether a value is an object of a dataclass or an attrs class, the user's ones included."""
    if isinstance(value, type):
        return False
    return is_dataclass(value) or hasattr(type(value), "__attrs_attrs__")


def class_name(entity: Any) -> str:
    """The name of an entity's class, with its module's; of those here it is Airflow's."""
    cls = type(entity)
    module = _AIRFLOW_MODULE if isinstance(entity, Entity) and cls.__module__ == __name__ else cls.__module__
    return f"{module}.{cls.__qualname__}"


def entity_fields(entity: Any) -> dict[str, Any]:
    """The fields of an entity and their values."""
    names = (
        [each.name for each in fields(entity)]
        if is_dataclass(entity)
        else [each.name for each in type(entity).__attrs_attrs__]
    )
    return {name: getattr(entity, name) for name in names}


def entity_of(name: str, values: Mapping[str, Any]) -> Any:
    """Make one of Airflow's entities; raises ``ImportError`` for any other class, as Airflow does."""
    cls = _OWN_ENTITIES.get(name)
    if cls is None:
        raise ImportError(f"{name} was not found in allow list for deserialization imports.")
    return cls(**values)


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list | tuple | set):
        return list(value)
    return [] if value is None else [value]


def _as_inlet(item: Any) -> Any:
    if isinstance(item, str) or is_entity(item):
        return item
    if isinstance(item, DependencyMixin) and hasattr(item, "task_id"):
        return item.task_id
    raise AirflowException(f"inlets have to be {_ENTITIES}, ids of tasks upstream or {AUTO!r}, not {item!r}")


def _outlets_of(ti: "TaskInstance", task_ids: Sequence[str]) -> list[list[Any]]:
    if not task_ids:
        return []
    outlets: list[list[Any]] = ti.xcom_pull(task_ids=task_ids, key=PIPELINE_OUTLETS)
    return outlets


def _serialized_entity(entity: Any) -> str:
    version = getattr(type(entity), "__version__", 0)
    parts = (f"{name}={serialized(value)}" for name, value in entity_fields(entity).items())
    return f"{class_name(entity)}@version={version}({','.join(parts)})"


def _plain(value: Any) -> Any:
    if is_entity(value):
        return _serialized_entity(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
