"""Airflow's import names: ``airflow...`` is importable inside ``importable()``, backed by this package.

Each module is made on first import and looks its names up when they are used, so a DAG file loads only
what it names. Outside of ``importable()`` the names are gone, and an Airflow that is really installed is
as it was.
"""

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from chalicelib.authoring.airflow_names import core, operators, sensors, utils
from chalicelib.authoring.airflow_names.sources import Modules
from chalicelib.settings import AIRFLOW_VERSION

_HERE = "chalicelib.authoring"

_MODULES: Modules = {**core.MODULES, **operators.MODULES, **sensors.MODULES, **utils.MODULES}

_lock = threading.RLock()
_depth = 0
_folders: dict[str, int] = {}
_set_aside: dict[str, ModuleType] = {}


@contextmanager
def importable(folder: Path | None = None) -> Iterator[None]:
    """Make Airflow's names importable in the code inside, and the modules of a DAGs folder too.

    May be nested and used by several threads at once: the names stay until the last one leaves.
    """
    _enter(folder)
    try:
        yield
    finally:
        _leave(folder)


def _enter(folder: Path | None) -> None:
    global _depth
    with _lock:
        if _depth == 0:
            _set_aside.update(_take_airflow_modules())
            sys.meta_path.insert(0, _FINDER)
        _depth += 1
        if folder is not None:
            _add_to_path(str(folder))


def _leave(folder: Path | None) -> None:
    global _depth
    with _lock:
        if folder is not None:
            _remove_from_path(str(folder))
        _depth -= 1
        if _depth == 0:
            sys.meta_path.remove(_FINDER)
            _take_airflow_modules()
            sys.modules.update(_set_aside)
            _set_aside.clear()


def _take_airflow_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]
    return {name: sys.modules.pop(name) for name in names}


def _add_to_path(folder: str) -> None:
    # Last, as in Airflow: a DAG file called json.py must not hide the standard library's.
    if folder in _folders or folder not in sys.path:
        _folders[folder] = _folders.get(folder, 0) + 1
        if _folders[folder] == 1:
            sys.path.append(folder)


def _remove_from_path(folder: str) -> None:
    if folder not in _folders:
        return
    _folders[folder] -= 1
    if _folders[folder] == 0:
        del _folders[folder]
        if folder in sys.path:
            sys.path.remove(folder)


class _AirflowModule(ModuleType):
    """A module whose names are looked up in this package when they are used."""

    def __init__(self, name: str) -> None:
        super().__init__(name, doc=f"Updraft's {name}")
        self._sources = _sources(_MODULES[name])

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and self.__name__ == "airflow":
            return AIRFLOW_VERSION
        for alias, module, attribute in self._sources:
            if alias in (name, "*") and not name.startswith("_"):
                found = getattr(importlib.import_module(f"{_HERE}.{module}"), attribute or name, None)
                if found is not None:
                    return found
        raise AttributeError(f"Updraft does not offer {self.__name__}.{name}")


def _sources(texts: Sequence[str]) -> list[tuple[str, str, str]]:
    """(name in Airflow or ``*``, module here, name here or empty) for each name a module offers."""
    result = []
    for text in texts:
        module, _, names = text.partition(":")
        for name in names.split() or ["*"]:
            here, _, alias = name.partition("=")
            result.append((alias or here, module, "" if here == "*" else here))
    return result


class _AirflowFinder(MetaPathFinder, Loader):
    """Finds and makes the modules; refuses, by name, what is not offered."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        """The spec of one of the modules; raises ``ImportError`` for any other name of Airflow's."""
        if fullname != "airflow" and not fullname.startswith("airflow."):
            return None
        if fullname in _MODULES:
            return ModuleSpec(fullname, self, is_package=True)
        parent, name = fullname.rsplit(".", 1)
        if _is_name_wanted_from(parent, name):
            raise ImportError(
                f"cannot import name {name!r} from {parent!r}: Updraft does not offer {fullname}",
                name=parent,
            )
        wanted = _wanted_module(fullname)
        raise ModuleNotFoundError(f"No module named {wanted!r}: Updraft does not offer it", name=wanted)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module."""
        return _AirflowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: names are looked up when they are used."""


_FINDER = _AirflowFinder()


def _import_frames() -> Iterator[Mapping[str, Any]]:
    """The local names of Python's import functions that are at work, the innermost first."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_back is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            yield frame.f_locals
        elif frame.f_code.co_filename != __file__:
            return
        frame = frame.f_back


def _wanted_module(fullname: str) -> str:
    """The module that the import statement names: Python asks for its parents first.

    ``import airflow.providers.x`` asks for ``airflow.providers``; the error should name what was written.
    """
    names = [str(local.get("name")) for local in _import_frames()]
    return max((name for name in names if name.startswith(f"{fullname}.")), key=len, default=fullname)


def _is_name_wanted_from(parent: str, name: str) -> bool:
    """Whether this is ``from parent import name``: Python tries a module for a name it does not find."""
    return any(
        "fromlist" in local and getattr(local.get("module"), "__name__", None) == parent
        for local in _import_frames()
    ) and bool(name)
