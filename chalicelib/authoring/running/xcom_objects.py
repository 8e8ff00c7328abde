"""Objects of the user's classes in XComs: what is kept of one, and how one is made again.

Kept are dataclasses (those inside one as dicts), attrs classes, models of pydantic and objects with a method
``serialize``. As in Airflow one is made again only of a class that ``[core] allowed_deserialization_classes``
(patterns of the shell, by default ``airflow.*``) or ``allowed_deserialization_classes_regexp`` names.
"""

import re
from dataclasses import asdict, dataclass, is_dataclass
from fnmatch import fnmatch
from importlib import import_module
from typing import Any

from chalicelib.authoring.model.lineage import class_name, entity_fields
from chalicelib.authoring.surroundings.configuration import conf


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What is kept of an object."""

    class_name: str
    """With the name of its module."""
    version: int
    """The ``__version__`` of its class, 0 if it has none."""
    data: Any
    """What it is made of again."""


def kept_of(value: Any) -> Kept | None:
    """What is kept of an object; None if its class is none of those."""
    cls = type(value)
    if isinstance(value, type):
        return None
    if hasattr(cls, "serialize"):
        data = value.serialize()
    elif hasattr(cls, "model_dump"):
        data = value.model_dump()
    elif is_dataclass(cls):
        data = asdict(value)
    elif hasattr(cls, "__attrs_attrs__"):
        data = entity_fields(value)
    else:
        return None
    return Kept(class_name=class_name(value), version=getattr(cls, "__version__", 0), data=data)


def made_of(kept: Kept) -> Any:
    """Such an object again; raises ``ImportError`` for a class that no option names."""
    if not _is_allowed(kept.class_name):
        raise ImportError(
            f"{kept.class_name} was not found in allow list for deserialization imports. "
            "To allow it, add it to allowed_deserialization_classes in the configuration"
        )
    module, _, name = kept.class_name.rpartition(".")
    cls = getattr(import_module(module), name)
    if hasattr(cls, "deserialize"):
        return cls.deserialize(kept.data, kept.version)
    return cls(**kept.data)


def _is_allowed(name: str) -> bool:
    patterns = conf.get("core", "allowed_deserialization_classes", fallback="airflow.*").split()
    expressions = conf.get("core", "allowed_deserialization_classes_regexp", fallback="").split()
    return any(fnmatch(name, pattern) for pattern in patterns) or any(
        re.match(expression, name) for expression in expressions
    )
