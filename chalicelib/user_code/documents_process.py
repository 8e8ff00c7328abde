"""The process that makes documents of DAG files: it loads files one after the other, and tells of each.

It is forked from the fork server, and asks for variables and the like as tries do. Frames of its stream:
``{"op": "ready"}`` from it, ``{"folder", "names", "secrets_backend"}`` to it, and then ``{"op": "loaded",
"seconds"}`` of each file, in their order, with the documents or the failure as text.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.loading.loader import ImportFailure, LoadedFile, load_files
from chalicelib.authoring.surroundings import secrets_masker
from chalicelib.domain.json_codec import plain, typed
from chalicelib.engine.dags.sync import BrokenFile
from chalicelib.user_code.documents import Documents, documents_of
from chalicelib.user_code.frames import Channel, Requests, TooLong
from chalicelib.user_code.process_tree import die_with_parent
from chalicelib.user_code.try_process import asking

READY = {"op": "ready"}
LOADED = "loaded"

Result = Documents | BrokenFile
"""What came of a file."""


def make_documents(stream: socket.socket, output: int) -> None:
    """Be that process; what files print goes to the descriptor ``output``."""
    os.setsid()  # leader of a group of its own, which can be killed as one
    die_with_parent()
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    sys.stdout = sys.stderr  # nothing of it waits to be written when the process is ended
    secrets_masker.mask_secrets_of(os.environ)
    channel = Channel(stream)
    channel.send(READY)
    asked = channel.receive()
    if asked is None:
        return  # nobody wants it any more
    header, _ = asked
    requests, folder = Requests(channel), Path(header["folder"])
    with asking(requests, secrets_backend=header["secrets_backend"]), finder.importable(folder):
        _load(folder, header["names"], requests)


def _load(folder: Path, names: Sequence[str], requests: Requests) -> None:
    began = time.perf_counter()
    for loaded in load_files(folder, [Path(name) for name in names]):
        result = _result(loaded, folder)
        header = {"op": LOADED, "seconds": time.perf_counter() - began}
        try:
            requests.tell(header, json.dumps(plain(result)))
        except TooLong as error:
            result = BrokenFile(filename=loaded.filename, message=str(error))
            requests.tell(header, json.dumps(plain(result)))
        began = time.perf_counter()


def _result(loaded: LoadedFile | ImportFailure, folder: Path) -> Result:
    made = loaded if isinstance(loaded, ImportFailure) else documents_of(loaded, folder)
    if isinstance(made, ImportFailure):
        return BrokenFile(filename=made.filename, message=made.message)
    return made


def result_of(text: str) -> Result:
    """What a frame tells of a file; raises ``TypeError`` and ``ValueError`` for one that tells of none."""
    kept = json.loads(text)
    result: Result = typed(BrokenFile if isinstance(kept, dict) else Documents, kept)
    return result
