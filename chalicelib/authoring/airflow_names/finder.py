"""Airflow's import names: ``airflow...`` is importable inside ``importable()``, backed by this package.

Each module is made on first import and looks its names up when they are used, so a DAG file loads only
what it names. Modules of provider packages are those that are installed. Outside of ``importable()`` the
names are gone, and an Airflow that is really installed is as it was; inside again all modules are the same
as before, so that classes of providers stay the same, too.
"""

import importlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from chalicelib.authoring.airflow_names.provider_modules import (
    PARENTS_OF_MOVED,
    PROVIDERS,
    moved_module,
    moved_name,
    roots,
    spec_of,
)
from chalicelib.authoring.airflow_names.re_exports import home_of, names_imported_by
from chalicelib.authoring.airflow_names.tables import MODULES, PACKAGES, sources_of

_lock = threading.RLock()
_depth = 0
_folders: dict[str, int] = {}
_set_aside: dict[str, ModuleType] = {}
_ours: dict[str, ModuleType] = {}
"""The modules that were imported inside, while nobody is inside."""
_of_plugins: dict[str, dict[str, Any]] = {}
_plugins_folder: Path | None = None
_NOTHING = object()

EXAMPLES = "airflow.example_dags"
"""Where Airflow's own example DAGs find the modules that come with them."""


@contextmanager
def importable(folder: Path | None = None) -> Iterator[None]:
    """Make Airflow's names importable in the code inside, and the modules of a DAGs folder too.

    May be nested and used by several threads at once: the names stay until the last one leaves. The modules
    of the plugins folder are importable, too, if plugins are loaded.
    """
    folders = [str(each) for each in (folder, _plugins_folder) if each is not None]
    _enter(folders)
    try:
        yield
    finally:
        _leave(folders)


def _enter(folders: Sequence[str]) -> None:
    global _depth
    with _lock:
        if _depth == 0:
            _set_aside.update(_take_airflow_modules())
            sys.modules.update(_ours)
            sys.meta_path.insert(0, _FINDER)
        _depth += 1
        for folder in folders:
            _add_to_path(folder)


def _leave(folders: Sequence[str]) -> None:
    global _depth
    with _lock:
        for folder in folders:
            _remove_from_path(folder)
        _depth -= 1
        if _depth == 0:
            if _FINDER in sys.meta_path:  # a DAG file may have cleared it
                sys.meta_path.remove(_FINDER)
            _ours.clear()
            _ours.update(_lasting(_take_airflow_modules()))
            sys.modules.update(_set_aside)
            _set_aside.clear()


def _take_airflow_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]
    return {name: sys.modules.pop(name) for name in names}


def _lasting(modules: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """The modules that are the same whatever the DAGs folder is."""
    return {name: module for name, module in modules.items() if not name.startswith(EXAMPLES)}


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


def offer(modules: Mapping[str, Mapping[str, Any]], folder: Path | None) -> None:
    """Offer names of plugins, by the full names of their modules, in place of those of an earlier call.

    ``folder`` is the plugins folder, whose modules ``importable()`` adds from its next use on.
    """
    global _plugins_folder
    _plugins_folder = folder
    _of_plugins.clear()
    _of_plugins.update({module: dict(names) for module, names in modules.items()})


def _is_offered(module: str) -> bool:
    if module in MODULES or module in PACKAGES or module in PARENTS_OF_MOVED or module in _of_plugins:
        return True
    return any(name.startswith(f"{module}.") for name in _of_plugins)


class _AirflowModule(ModuleType):
    """A module whose names are looked up in this package when they are used.

    Its submodules are names, too, whether or not they were imported: in Airflow some module always has.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, doc=f"Updraft's {name}")
        self._sources = sources_of(name)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return sorted(self._names())
        found = self._lookup(name)
        if found is not _NOTHING:
            return found
        fullname = f"{self.__name__}.{name}"
        if _is_offered(fullname) and "airflow" in sys.modules:
            return importlib.import_module(fullname)
        found = self._moved(name)
        if found is not _NOTHING:
            return found
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._imported(name)
        if found is not _NOTHING:
            return found
        raise AttributeError(f"Updraft does not offer {fullname}{_advice_on(fullname)}")

    def __setattr__(self, name: str, value: Any) -> None:
        # Python sets a submodule on its parent: there ``airflow.decorators.task_group`` is the function.
        if not isinstance(value, _AirflowModule) or all(alias != name for alias, _, _ in self._sources):
            super().__setattr__(name, value)

    def _lookup(self, name: str) -> Any:
        for alias, module, attribute in self._sources:
            if alias == name or (alias == "*" and not name.startswith("_")):
                found = getattr(importlib.import_module(module), attribute or name, _NOTHING)
                if found is not _NOTHING:
                    return found
        return _of_plugins.get(self.__name__, {}).get(name, _NOTHING)

    def _imported(self, name: str) -> Any:
        """The name that Airflow's module has because it imports it."""
        home = home_of(self.__name__, name)
        return _NOTHING if home is None else getattr(importlib.import_module(home), name)

    def _moved(self, name: str) -> Any:
        """The name in the provider's module that this one of Airflow 1.10 became."""
        target = None if name.startswith("__") else moved_name(self.__name__, name)
        if target is None:
            return _NOTHING
        module, new_name = target
        return getattr(importlib.import_module(module), new_name, _NOTHING)

    def _names(self) -> Iterator[str]:
        """What ``from ... import *`` takes."""
        for alias, module, _ in self._sources:
            of_module = vars(importlib.import_module(module)) if alias == "*" else (alias,)
            yield from (name for name in of_module if not name.startswith("_"))
        yield from _of_plugins.get(self.__name__, ())
        yield from names_imported_by(self.__name__)


class _AirflowFinder(MetaPathFinder, Loader):
    """Finds and makes the modules; refuses, by name and with advice, what is not offered."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        """The spec of one of the modules; raises ``ImportError`` for any other name of Airflow's."""
        if fullname != "airflow" and not fullname.startswith("airflow."):
            return None
        if fullname == EXAMPLES or fullname.startswith(f"{EXAMPLES}."):
            return self._example(fullname)
        if _is_offered(fullname):
            return self._own(fullname)
        found = self._of_providers(fullname)
        if found is not None:
            return found
        if _is_only_looked_for():
            return None
        parent, name = fullname.rsplit(".", 1)
        if _is_name_wanted_from(parent, name):
            raise ImportError(
                f"cannot import name {name!r} from {parent!r}: Updraft does not offer "
                f"{fullname}{_advice_on(fullname)}",
                name=parent,
            )
        wanted = _wanted_module(fullname)
        raise ModuleNotFoundError(
            f"No module named {wanted!r}: Updraft does not offer it{_advice_on(wanted)}", name=wanted
        )

    def _own(self, fullname: str) -> ModuleSpec:
        spec = ModuleSpec(fullname, self, is_package=True)
        if fullname == PROVIDERS:
            spec.submodule_search_locations = roots()
        return spec

    def _of_providers(self, fullname: str) -> ModuleSpec | None:
        """A module of an installed provider package, or one of Airflow 1.10 that became one."""
        if fullname.startswith(f"{PROVIDERS}."):
            return spec_of(fullname)
        target = moved_module(fullname)
        return None if target is None or spec_of(target) is None else self._own(fullname)

    def _example(self, fullname: str) -> ModuleSpec | None:
        """A module beside Airflow's own example DAGs, in the DAGs folder that they were copied to.

        None where there is none: Python says so then.
        """
        if fullname != EXAMPLES:
            return PathFinder.find_spec(fullname, sys.modules[fullname.rpartition(".")[0]].__path__)
        spec = ModuleSpec(fullname, self, is_package=True)
        spec.submodule_search_locations = [
            place for folder in _folders for place in (folder, f"{folder}/example_dags")
        ]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module."""
        return _AirflowModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: names are looked up when they are used."""


_FINDER = _AirflowFinder()


def _advice_on(fullname: str) -> str:
    from chalicelib.authoring.airflow_names.advice import advice_on  # only where a name is refused

    advice = advice_on(fullname)
    return f"; {advice}" if advice else ""


def _import_frames() -> Iterator[Mapping[str, Any]]:
    """The local names of Python's import functions that are at work, the innermost first."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_back is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            yield frame.f_locals
        elif frame.f_code.co_filename != __file__:
            return
        frame = frame.f_back


def _is_only_looked_for() -> bool:
    """Whether this is ``importlib.util.find_spec``, which wants to be told None."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        if frame.f_code.co_filename == "<frozen importlib.util>":
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


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
