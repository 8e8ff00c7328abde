"""Lineage entities: what a task says it reads (``inlets``) and writes (``outlets``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar

from chalicelib.dag.exceptions import AirflowException

_AIRFLOW_MODULE = "airflow.lineage.entities"


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


def as_entities(value: Any, what: str) -> list[Any]:
    """The ``inlets`` or ``outlets`` of a task as a list; raises ``AirflowException`` that names the task's.

    Airflow also takes the ids of upstream tasks and ``AUTO`` as inlets; Updraft does not.
    """
    items = value if isinstance(value, list | tuple | set) else [] if value is None else [value]
    for item in items:
        if not _is_entity(item):
            raise AirflowException(
                f"{what} have to be lineage entities such as airflow.lineage.entities.File, not {item!r}"
            )
    return list(items)


def serialized(entity: Any) -> str:
    """The text Airflow keeps: ``airflow.lineage.entities.File@version=0(url=...,type_hint=None)``."""
    cls = type(entity)
    module = _AIRFLOW_MODULE if isinstance(entity, Entity) and cls.__module__ == __name__ else cls.__module__
    parts = (f"{name}={_text(value)}" for name, value in _fields(entity))
    return f"{module}.{cls.__qualname__}@version={getattr(cls, '__version__', 0)}({','.join(parts)})"


def _is_entity(value: Any) -> bool:
    if isinstance(value, type):
        return False
    return is_dataclass(value) or hasattr(type(value), "__attrs_attrs__")


def _fields(entity: Any) -> list[tuple[str, Any]]:
    names = (
        [each.name for each in fields(entity)]
        if is_dataclass(entity)
        else [each.name for each in type(entity).__attrs_attrs__]
    )
    return [(name, getattr(entity, name)) for name in names]


def _text(value: Any) -> str:
    return str(_plain(value))


def _plain(value: Any) -> Any:
    if _is_entity(value):
        return serialized(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
