"""``dags_apart``: DAG files loaded in a process beside this one, which they may end or hold up.

For commands and tests without a server: no file's import changes, ends or delays the process that asks.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.loading import process_state
from chalicelib.authoring.loading.loader import ImportFailure, dag_files, import_time_limit, load_file
from chalicelib.authoring.loading.patches import Originals
from chalicelib.authoring.surroundings.connections import connections_in
from chalicelib.authoring.surroundings.variables import variables_in
from chalicelib.domain.connections import ConnectionsOfDagFiles
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.dags.sync import BrokenFile, DagDocument, DagsFolder
from chalicelib.user_code.documents import Documents, documents_of
from chalicelib.user_code.frames import BrokenChannel, Channel, channel_pair
from chalicelib.user_code.process_tree import die_with_parent, kill_tree
from chalicelib.user_code.runner import Environ, own_environment

_PATIENCE_SECONDS = 5.0
"""How long a file may go on after its time for loading is over: it is told by an exception first."""

_Result = Documents | BrokenFile


def dags_apart(
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    variables: VariablesOfDagFiles,
    connections: ConnectionsOfDagFiles,
    environment: Environ = own_environment,
) -> DagsFolder:
    """The DAGs of files of a folder, which find these variables and connections, and that environment.

    ``names`` are paths in the folder; None takes every file there that may hold DAGs. A file that ends the
    process, or does not end within its time, is broken, and the others are loaded all the same.
    """
    folder = folder.absolute()
    if names is None:
        names = [path.relative_to(folder).as_posix() for path in dag_files(folder)]
    around = _Around(variables=variables, connections=connections, environ=environment())
    results: dict[str, _Result] = {}
    while left := [name for name in names if name not in results]:
        child = _Child(folder, left, around)
        with contextlib.closing(child):
            results |= child.results()
    return _without_duplicates(results)


def _without_duplicates(results: dict[str, _Result]) -> DagsFolder:
    """All of it; of two DAGs of the same id the later file is broken."""
    places: dict[str, str] = {}
    dags: list[DagDocument] = []
    broken: list[BrokenFile] = []
    for name, result in results.items():
        if isinstance(result, BrokenFile):
            broken.append(result)
            continue
        ids = [dag.document["dag_id"] for dag in result]
        taken = next((dag_id for dag_id in ids if dag_id in places), None)
        if taken is not None:
            message = f"AirflowDagDuplicatedIdException: the DAG {taken} is defined in {places[taken]} too"
            broken.append(BrokenFile(filename=name, message=message))
            continue
        places |= dict.fromkeys(ids, name)
        dags.extend(result)
    return DagsFolder(dags=tuple(dags), broken=tuple(sorted(broken, key=lambda file: file.filename)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Around:
    """What files find when they are loaded."""

    variables: VariablesOfDagFiles
    connections: ConnectionsOfDagFiles
    environ: Mapping[str, str]


class _Child:
    """A process that loads files one after the other, and tells of each."""

    def __init__(self, folder: Path, names: Sequence[str], around: _Around) -> None:
        self._names = names
        self._limit = import_time_limit()
        patience = None if self._limit is None else self._limit.total_seconds() + _PATIENCE_SECONDS
        self._channel, theirs = channel_pair(patience)
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._channel.close()
            _load_all(Channel(theirs), folder, names, around)
        theirs.close()

    def results(self) -> dict[str, _Result]:
        """What came of the files, up to and with the one that the process did not get over."""
        found: dict[str, _Result] = {}
        for name in self._names:
            found[name] = self._result(name)
            if self._status is not None:
                break
        return found

    def close(self) -> None:
        """End the process, and wait for it."""
        self._channel.close()
        if self._status is None:
            self._end()

    def _result(self, name: str) -> _Result:
        try:
            frame = self._channel.receive()
        except BrokenChannel:
            self._end()
            return BrokenFile(filename=name, message=f"took longer than {self._limit} to load")
        if frame is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            how = f"exit code {self._status}" if self._status >= 0 else f"signal {-self._status}"
            return BrokenFile(filename=name, message=f"loading it ended the process ({how})")
        return _of_text(frame[1])

    def _end(self) -> None:
        kill_tree(self._pid)
        self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def _load_all(channel: Channel, folder: Path, names: Sequence[str], around: _Around) -> NoReturn:
    """Be the process that loads: tell what came of each file, and end."""
    try:
        os.setsid()  # leader of a group of its own, which can be killed as one
        die_with_parent()
        os.dup2(2, 1)  # standard output is the command's: what files print goes to standard error
        sys.stdout = sys.stderr
        os.environ.clear()
        os.environ.update(around.environ)
        with (
            variables_in(around.variables),
            connections_in(around.connections),
            finder.importable(folder),
        ):
            for result in _loaded(folder, names):
                channel.send({}, json.dumps(plain(result)))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _loaded(folder: Path, names: Sequence[str]) -> Iterator[_Result]:
    originals = Originals()
    for name in names:
        with process_state.kept():
            loaded = load_file(Path(name), folder, undoing=originals)
        result = loaded if isinstance(loaded, ImportFailure) else documents_of(loaded, folder)
        yield (
            BrokenFile(filename=result.filename, message=result.message)
            if isinstance(result, ImportFailure)
            else result
        )


def _of_text(text: str) -> _Result:
    kept = json.loads(text)
    result: _Result = typed(BrokenFile if isinstance(kept, dict) else Documents, kept)
    return result
