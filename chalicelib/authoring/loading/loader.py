"""The loader of DAG files: each is a module of its own, and none can stop the others."""

import hashlib
import logging
import re
import sys
import threading
import tokenize
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.abc import Loader
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.loading import process_state
from chalicelib.authoring.loading.ignore_files import files_not_ignored
from chalicelib.authoring.loading.patches import Originals
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.dag_context import collecting_dags
from chalicelib.authoring.plugins.folder import load_plugins
from chalicelib.authoring.running.time_limits import in_main_thread, time_limit
from chalicelib.authoring.surroundings.configuration import conf, plugins_folder
from chalicelib.authoring.surroundings.secrets_masker import redact

log = logging.getLogger(__name__)

_loading = threading.RLock()
_siblings: set[str] = set()
"""Modules of DAGs folders that DAG files imported; forgotten before files are loaded again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedFile:
    """A DAG file that could be loaded."""

    filename: str
    """Its path in the DAGs folder."""
    source: str
    """Its text."""
    dags: tuple[DAG, ...]
    read: tuple[Path, ...]
    """The files it was made from: itself, the modules of the folder that it imported, and plugins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportFailure:
    """A DAG file that could not be loaded."""

    filename: str
    """Its path in the DAGs folder."""
    message: str
    """Why and where, without this machine's folders."""


def load_files(folder: Path, paths: Iterable[Path]) -> Iterator[LoadedFile | ImportFailure]:
    """Load files of a folder one after the other; what one does to the process, no other finds.

    Paths may be relative to the folder. Modules of packages that one file imports are there for the next.
    """
    originals = Originals()
    for path in paths:
        with process_state.kept():
            loaded = load_file(path, folder, undoing=originals)
        yield loaded


def load_file(path: Path, folder: Path, undoing: Originals | None = None) -> LoadedFile | ImportFailure:
    """Load one DAG file of a folder (``path`` may be relative to it), as it is now on disk.

    One at a time: the modules that files import from the folder are the process's. Where further files are
    loaded in this process, ``undoing`` has what the file's patches of Python's library are undone by.
    """
    with _loading:
        _forget_siblings()
        plugins = load_plugins(plugins_folder(folder), folder.absolute())
        loaded = _load(folder.absolute() / path, folder.absolute(), undoing)
        if isinstance(loaded, LoadedFile):
            return replace(loaded, read=(*loaded.read, *plugins.read))
        return loaded


def dag_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that may hold DAGs, by path.

    Every ``.py`` file that mentions both ``dag`` and ``airflow`` is one (Airflow's safe mode; without it, by
    ``[core] dag_discovery_safe_mode``, every one), in all folders that are not hidden and that no
    ``.airflowignore`` names. Raises ``AirflowConfigException``.
    """
    is_careful = conf.getboolean("core", "dag_discovery_safe_mode")
    for path in sorted(files_not_ignored(folder, conf.get("core", "dag_ignore_file_syntax"))):
        inner = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
        if path.suffix != ".py" or hidden or not path.is_file():
            continue
        if not is_careful or _may_hold_dags(path):
            yield path


def _may_hold_dags(path: Path) -> bool:
    try:
        content = path.read_bytes().lower()
    except OSError:
        return True  # loading it says why it cannot be read
    return b"dag" in content and b"airflow" in content


def _load(path: Path, folder: Path, undoing: Originals | None) -> LoadedFile | ImportFailure:
    filename = path.relative_to(folder).as_posix()
    try:
        with tokenize.open(path) as file:  # by the encoding that it names, as Python reads it
            source = file.read()
        with finder.importable(folder), collecting_dags() as collected:
            module, siblings = _execute(path, folder, filename, undoing)
        dags = _dags_of(module, collected)
        for dag in dags:
            dag.fileloc, dag.dags_folder = str(path), folder
            dag.validate()
    except BaseException as error:  # a DAG file may raise anything, SystemExit included
        return failure_of(error, filename, folder)
    return LoadedFile(filename=filename, source=source, dags=tuple(dags), read=(path, *siblings))


def _execute(
    path: Path, folder: Path, filename: str, undoing: Originals | None
) -> tuple[ModuleType, list[Path]]:
    """Run the file as a module of a name that no other has; returns also the folder's files it imported."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"updraft_dag_file_{digest}_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = spec_from_file_location(name, path, loader=_FreshSourceLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{filename} cannot be loaded")
    module = module_from_spec(spec)
    if undoing is not None:
        undoing.note()
    before = set(sys.modules)
    sys.modules[name] = module  # dataclasses, enums and pickle look their module up there
    try:
        limit = import_time_limit()
        with time_limit(limit if in_main_thread() else None, f"took longer than {limit} to load"):
            _run_module(spec.loader, module, undoing)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    finally:
        siblings = _modules_within(folder, set(sys.modules) - before - {name})
        _siblings.update(siblings)
    return module, sorted(siblings.values())


def _run_module(loader: Loader, module: ModuleType, undoing: Originals | None) -> None:
    try:
        loader.exec_module(module)
    finally:
        if undoing is not None:
            undoing.put_back()


def import_time_limit() -> timedelta | None:
    """How long a DAG file may take to load: ``[core] dagbag_import_timeout``, in seconds; None for ever."""
    seconds = conf.getfloat("core", "dagbag_import_timeout")
    return timedelta(seconds=seconds) if seconds > 0 else None


class _FreshSourceLoader(SourceFileLoader):
    """Compiles the source as it is: compiled files are told apart by whole seconds only."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - importlib's signature
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _modules_within(folder: Path, names: set[str]) -> dict[str, Path]:
    """Those of the modules that are files of the folder, with their files."""
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return {name: Path(file) for name, file in files.items() if file and Path(file).is_relative_to(folder)}


def _forget_siblings() -> None:
    for name in _siblings:
        sys.modules.pop(name, None)
    _siblings.clear()


def _dags_of(module: ModuleType, collected: Sequence[DAG]) -> list[DAG]:
    """The DAGs in the module's global names, those entered while it ran, and their sub-DAGs; each once.

    Of two with one id that of the later name counts, as in Airflow, which does not say so.
    """
    in_globals = [value for value in vars(module).values() if isinstance(value, DAG)]
    dags: dict[str, DAG] = {}
    for dag in (each for top in (*collected, *in_globals) for each in _with_subdags(top)):
        if dags.setdefault(dag.dag_id, dag) is not dag:
            log.warning("%s defines two DAGs with the id %s: the later one counts", dag.fileloc, dag.dag_id)
            dags[dag.dag_id] = dag
    return sorted(dags.values(), key=lambda dag: dag.dag_id)


def _with_subdags(dag: DAG) -> Iterator[DAG]:
    yield dag
    for subdag in dag.subdags:
        yield from _with_subdags(subdag)


def failure_of(error: BaseException, filename: str, folder: Path) -> ImportFailure:
    """What a file that raised an error is: a failure that says where in the file, and why."""
    line = _line_in(error, folder / filename)
    place = f"line {line}: " if line else ""
    text = _without_folders(redact(_told(error)), folder)
    return ImportFailure(filename=filename, message=place + text + _advice_on(error, folder))


def _advice_on(error: BaseException, folder: Path) -> str:
    """What to install, where a package is missing, or has no such name, that is none of the folder's own."""
    if not isinstance(error, ImportError) or not error.name:
        return ""
    from chalicelib.authoring.loading.missing_packages import advice_on, advice_on_name

    if not isinstance(error, ModuleNotFoundError):
        return advice_on_name(error)
    return "" if error.name.startswith("airflow") else advice_on(error.name, folder)


def _told(error: BaseException) -> str:
    """Kind and text of an error; its ``__str__`` may be the user's, and raise."""
    kind = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        return kind
    return f"{kind}: {text}" if text else kind


def _line_in(error: BaseException, path: Path) -> int | None:
    """The line of the DAG file at which the error came up; a SyntaxError says it itself."""
    if isinstance(error, SyntaxError):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


def _without_folders(text: str, folder: Path) -> str:
    shortened = text.replace(f"{folder}/", "")
    return re.sub(r"(?<![\w:/.])/(?:[^\s/'\"():,]+/)+", "", shortened)
