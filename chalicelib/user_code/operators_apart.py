"""``operators_apart``: the operators of DAG files, found out in a process beside this one."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.json_codec import typed
from chalicelib.settings import user_packages_folder
from chalicelib.user_code.operators_in_use import OperatorsOfFiles
from chalicelib.user_code.python_process import start_python
from chalicelib.user_code.runner import own_environment

_MODULE = "chalicelib.user_code.operators_in_use"
_PATIENCE_SECONDS = 300.0


class FilesNotLoaded(UpdraftError):
    """The process in which DAG files were loaded ended before it told what it found."""

    code: ClassVar[str] = "files_not_loaded"


def operators_apart(folder: Path, names: Sequence[str] | None = None) -> OperatorsOfFiles:
    """The operators of files of a folder, which find the environment and the user packages of this process.

    ``names`` are paths in the folder; None takes every file there that may hold DAGs. Raises
    ``FilesNotLoaded`` if a file ends the process, or if all take longer than five minutes, and
    ``SettingError``.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            environ = own_environment()
            packages = user_packages_folder(environ)
            process = start_python(_MODULE, theirs.fileno(), environ, packages)
        try:
            ours.settimeout(_PATIENCE_SECONDS)
            ours.sendall(json.dumps({"folder": str(folder.absolute()), "names": names}).encode())
            ours.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: ours.recv(65536), b""))
            return _answered(answer)
        except TimeoutError:
            raise FilesNotLoaded("DAG files took too long to load: name fewer with --subdir") from None
        finally:
            process.kill()
            process.wait()


def _answered(answer: bytes) -> OperatorsOfFiles:
    if not answer:
        raise FilesNotLoaded("A DAG file has ended the process that loaded it: name others with --subdir")
    found: OperatorsOfFiles = typed(OperatorsOfFiles, json.loads(answer))
    return found
