"""``dags_apart``: the DAG files of a folder as documents for the engine, made in a process beside this one.

No file's import changes, ends or delays the process that asks, and none finds what that one has imported. A
file that ends the process is broken; the others are loaded by another one.
"""

import contextlib
import select
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chalicelib.authoring.loading.loader import dag_files, import_time_limit
from chalicelib.domain.connections import ConnectionsOfDagFiles
from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.dags.sync import BrokenFile, DagDocument, DagsFolder
from chalicelib.user_code.documents_process import LOADED, READY, Result, result_of
from chalicelib.user_code.fork_server_client import ForkServerClient, ForkServerGone, forget, fork_server
from chalicelib.user_code.frames import BrokenChannel, TooLong, channel_pair
from chalicelib.user_code.no_xcoms import NoXComs
from chalicelib.user_code.runner import Environ, own_environment
from chalicelib.user_code.surroundings import Answer, Surroundings

_PATIENCE_SECONDS = 5.0
"""How long a file may go on after its time for loading is over: it is told by an exception first."""

_FRAME_SECONDS = 10.0
"""What a frame may take from its first byte to its last."""

_READY_SECONDS = 60.0
"""What a process may take until it is ready; its fork server may have to be started first."""

_ENDS_WITHIN_SECONDS = 10.0
"""How long a process may take to be gone that was told to end, or has ended itself."""

_BEGINNINGS = 3
"""How often a process is asked for before there is none: a killed fork server is replaced."""

_OUTPUT = 2
"""What files print goes to standard error: standard output is the command's."""


class NothingLoads(UpdraftError):
    """No process can be started in which DAG files would be loaded."""

    code = "nothing_loads"

    def __init__(self) -> None:
        super().__init__("No process can be started that loads DAG files; what it said is above")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileApart:
    """What came of a DAG file."""

    filename: str
    """Its path in the DAGs folder."""
    result: Result
    """Its documents, or why there are none."""
    seconds: float = 0.0
    """What loading it took; 0 where its process did not get over it."""


def dags_apart(
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    variables: VariablesOfDagFiles,
    connections: ConnectionsOfDagFiles,
    secrets: SecretsBackend | None = None,
    environment: Environ = own_environment,
) -> DagsFolder:
    """The DAGs of files of a folder; the arguments are those of ``files_apart``.

    Of two DAGs of the same id the later file is broken.
    """
    files = files_apart(
        folder,
        names,
        variables=variables,
        connections=connections,
        secrets=secrets,
        environment=environment,
    )
    return _without_duplicates(files)


def files_apart(
    folder: Path,
    names: Sequence[str] | None = None,
    *,
    variables: VariablesOfDagFiles,
    connections: ConnectionsOfDagFiles,
    secrets: SecretsBackend | None = None,
    environment: Environ = own_environment,
) -> Iterator[FileApart]:
    """What comes of each file of a folder, one after the other.

    ``names`` are paths in the folder; None takes every file there that may hold DAGs. The files find these
    variables and connections, before them what is in ``secrets``, and that environment, which names the
    user packages. Raises ``NothingLoads``, ``SettingError``, ``AirflowConfigException`` and what
    ``environment`` raises.
    """
    folder = folder.absolute()
    left = list(names) if names is not None else _names_in(folder)
    around = Surroundings(xcoms=NoXComs(), variables=variables, connections=connections, secrets=secrets)
    failed = 0
    while left:
        loading = _Loading(fork_server(environment()), around)
        with contextlib.closing(loading):
            if not loading.begin(folder, left):
                failed += 1
                if failed == _BEGINNINGS:
                    raise NothingLoads
                continue
            while left and not loading.has_ended:
                yield loading.next(left.pop(0))


def _names_in(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in dag_files(folder)]


def _without_duplicates(files: Iterator[FileApart]) -> DagsFolder:
    places: dict[str, str] = {}
    dags: list[DagDocument] = []
    broken: list[BrokenFile] = []
    for file in files:
        if isinstance(file.result, BrokenFile):
            broken.append(file.result)
            continue
        ids = [dag.document["dag_id"] for dag in file.result]
        taken = next((dag_id for dag_id in ids if dag_id in places), None)
        if taken is not None:
            message = f"AirflowDagDuplicatedIdException: the DAG {taken} is defined in {places[taken]} too"
            broken.append(BrokenFile(filename=file.filename, message=message))
            continue
        places |= dict.fromkeys(ids, file.filename)
        dags.extend(file.result)
    return DagsFolder(dags=tuple(dags), broken=tuple(sorted(broken, key=lambda file: file.filename)))


class _Stopped(Exception):
    """The process did not go on by itself: it is ended, for this reason."""


class _Loading:
    """A process that loads files, as this side sees it (see ``documents_process``)."""

    def __init__(self, server: ForkServerClient, around: Surroundings) -> None:
        self._server = server
        self._around = around
        self._limit = import_time_limit()
        self._control, self._their_control = channel_pair(_ENDS_WITHIN_SECONDS)
        self._stream, self._their_stream = channel_pair(_FRAME_SECONDS)
        self._poll = select.poll()  # ``select`` refuses descriptors from 1,024 on
        self._poll.register(self._stream, select.POLLIN)
        self.has_ended = False

    def begin(self, folder: Path, names: Sequence[str]) -> bool:
        """Give it the files; whether there is such a process."""
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            with self._their_control, self._their_stream:
                self._server.make_documents(self._their_control, self._their_stream, _OUTPUT)
            if self._frame(time.monotonic() + _READY_SECONDS) != (READY, ""):
                raise ForkServerGone
            backend = self._around.secrets.name if self._around.secrets is not None else ""
            self._stream.send({"folder": str(folder), "names": list(names), "secrets_backend": backend})
        except (ForkServerGone, _Stopped, BrokenChannel, OSError):
            forget(self._server)
            return False
        return True

    def next(self, name: str) -> FileApart:
        """What came of the next of the files, which is that one."""
        try:
            return self._told(name, self._until())
        except _Stopped as stopped:
            self._end()
            message = str(stopped)
        except (BrokenChannel, TooLong, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            self._end()  # the file got hold of its socket
            message = f"loading it did not keep to the protocol: {type(error).__name__}"
        return FileApart(filename=name, result=BrokenFile(filename=name, message=message))

    def close(self) -> None:
        """End the process."""
        if not self.has_ended:
            self._end()
        self._control.close()
        self._stream.close()

    def _until(self) -> float | None:
        if self._limit is None:
            return None
        return time.monotonic() + self._limit.total_seconds() + _PATIENCE_SECONDS

    def _told(self, name: str, until: float | None) -> FileApart:
        while (frame := self._frame(until, self._limit)) is not None:
            header, text = frame
            if header.get("op") == LOADED:
                return FileApart(filename=name, result=result_of(text), seconds=float(header["seconds"]))
            self._stream.send(*self._around.answer(header, text))
        code = self._end()
        how = "" if code is None else f" (exit code {code})" if code >= 0 else f" (signal {-code})"
        raise _Stopped(f"loading it ended the process{how}")

    def _frame(self, until: float | None, limit: timedelta | None = None) -> Answer | None:
        """The next frame; None when the process has ended."""
        left = None if until is None else max(0.0, until - time.monotonic()) * 1000
        if not self._poll.poll(left):
            raise _Stopped(f"took longer than {limit} to load")
        return self._stream.receive()

    def _end(self) -> int | None:
        """End the process, if it goes on; its exit code, negative for a signal, if that is known."""
        self.has_ended = True
        with contextlib.suppress(OSError):  # the fork server is gone
            self._control.send({"end": True})
        with contextlib.suppress(BrokenChannel):
            frame = self._control.receive()
            if frame is not None and isinstance(code := frame[0].get("ended"), int):
                return code
        forget(self._server)
        return None
