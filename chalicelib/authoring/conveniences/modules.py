"""Functions on modules and their names (``airflow.utils.module_loading``)."""

import functools
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any


def import_string(dotted_path: str) -> Any:
    """What a dotted path names; raises ``ImportError``."""
    module, _, name = dotted_path.rpartition(".")
    if not module:
        raise ImportError(f"{dotted_path} doesn't look like a module path")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f'Module "{module}" does not define a "{name}" attribute/class') from None


def qualname(thing: Any) -> str:
    """The dotted path of a class or function, or of an object's class."""
    if isinstance(thing, functools.partial):
        thing = thing.func
    if not hasattr(thing, "__qualname__"):
        thing = type(thing)
    return f"{thing.__module__}.{thing.__qualname__}"


def iter_namespace(namespace: ModuleType) -> Iterator[pkgutil.ModuleInfo]:
    """The modules of a package."""
    return pkgutil.iter_modules(namespace.__path__, f"{namespace.__name__}.")
