"""The plugins folder: its plugins, loaded once for the DAG files of a process, and where their names go."""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from chalicelib.authoring import macros
from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.plugins import listeners
from chalicelib.authoring.plugins.plugin import AirflowPlugin
from chalicelib.authoring.surroundings.secrets_masker import redact

log = logging.getLogger("airflow.plugins")

_Stamps = tuple[tuple[Path, int, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugins:
    """The plugins of a folder, as they are loaded in this process."""

    plugins: tuple[type[AirflowPlugin], ...] = ()
    read: tuple[Path, ...] = ()
    """The files that they were made from: of the folder, and modules of the DAGs folder."""
    of_dags: tuple[Path, ...] = ()
    """Of these the modules of the DAGs folder."""
    timetables: tuple[type, ...] = ()
    """The timetables that DAGs may have."""


_NONE = Plugins()
_loaded = _NONE
_stamps: _Stamps = ()
_modules: set[str] = set()


def current() -> Plugins:
    """The plugins that are loaded now."""
    return _loaded


def load_plugins(folder: Path, dags_folder: Path) -> Plugins:
    """Load the plugins of a folder, unless they are loaded already and what they were made from is unchanged.

    A file that mentions ``AirflowPlugin`` may hold some; all others can be imported by them and by DAG files.
    Plugins may import modules of the DAGs folder, which DAG files then import anew.
    One that cannot be loaded is logged on one line and stops nothing.
    """
    global _loaded, _stamps
    files = [path for path in sorted(folder.rglob("*.py")) if _is_visible(path, folder)]
    if _stamps_of(files) == _stamps:
        return _loaded
    _forget()
    if files:
        _loaded = _load(folder, files, dags_folder)
    _stamps = _stamps_of(files)
    return _loaded


def _forget() -> None:
    global _loaded
    for name in _modules:
        sys.modules.pop(name, None)
    _modules.clear()
    _loaded = _NONE
    finder.offer({}, None)
    macros.of_plugins.clear()
    listeners.register(())


def _load(folder: Path, files: Sequence[Path], dags_folder: Path) -> Plugins:
    before = set(sys.modules)
    finder.offer({}, folder)
    with finder.importable(dags_folder):
        found = [plugin for path in files for plugin in _plugins_of(path, folder)]
    within = _modules_within(folder, set(sys.modules) - before)
    _modules.update(within)
    of_dags = _modules_within(dags_folder, set(sys.modules) - before - set(within))
    for name in of_dags:
        del sys.modules[name]
    plugins = tuple(dict.fromkeys(found))
    finder.offer(_names(plugins), folder)
    macros.of_plugins.update({str(each.name): SimpleNamespace(**_by_name(each.macros)) for each in plugins})
    listeners.register([listener for plugin in plugins for listener in plugin.listeners])
    return Plugins(
        plugins=plugins,
        read=tuple(sorted({*within.values(), *of_dags.values()})),
        of_dags=tuple(sorted(of_dags.values())),
        timetables=tuple(timetable for plugin in plugins for timetable in plugin.timetables),
    )


def _plugins_of(path: Path, folder: Path) -> Iterator[type[AirflowPlugin]]:
    """Those of a file; the file is a module by its path in the folder, as other files import it."""
    try:
        if not _may_hold_plugins(path):
            return
        module = _module(path, folder)
        for value in list(vars(module).values()):
            if isclass(value) and issubclass(value, AirflowPlugin) and value is not AirflowPlugin:
                value.validate()
                value.on_load()
                yield value
    except BaseException as error:  # a plugin may raise anything, SystemExit included
        kind = type(error).__name__
        log.error("Broken plugin %s: %s", path.relative_to(folder), redact(f"{kind}: {error}"))


def _module(path: Path, folder: Path) -> ModuleType:
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    else:
        if getattr(module, "__file__", None) == str(path):
            return module
    return _module_apart(path, f"updraft_plugin_{name.replace('.', '_')}")


def _module_apart(path: Path, name: str) -> ModuleType:
    """The module of a file whose own name another module has, json.py for example."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} cannot be loaded")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _names(plugins: Sequence[type[AirflowPlugin]]) -> dict[str, dict[str, Any]]:
    """The names of all plugins by the modules of Airflow's that they are importable from."""
    names: dict[str, dict[str, Any]] = {}
    for plugin in plugins:
        for kind in ("operators", "sensors", "hooks", "macros"):
            offered = _by_name(getattr(plugin, kind))
            if not offered:
                continue
            names.setdefault(f"airflow.{kind}.{plugin.name}", {}).update(offered)
            if kind != "macros":
                names.setdefault(f"airflow.{kind}", {}).update(offered)
    return names


def _by_name(things: Sequence[Any]) -> dict[str, Any]:
    return {thing.__name__: thing for thing in things}


def _is_visible(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts)


def _may_hold_plugins(path: Path) -> bool:
    return b"AirflowPlugin" in path.read_bytes()


def _stamps_of(files: Sequence[Path]) -> _Stamps:
    """Path, time of change and size of the folder's files and of what else the plugins were made from."""
    others = [path for path in _loaded.of_dags if path.is_file()]
    return tuple((path, *_stamp(path)) for path in sorted({*files, *others}))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _modules_within(folder: Path, names: set[str]) -> dict[str, Path]:
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return {name: Path(file) for name, file in files.items() if file and Path(file).is_relative_to(folder)}
