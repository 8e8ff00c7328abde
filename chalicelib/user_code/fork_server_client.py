"""The worker's door to the fork server: starts it, hands tries over, and starts another when it is gone."""

import atexit
import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from chalicelib.settings import user_packages_folder
from chalicelib.user_code.frames import Channel, channel_pair
from chalicelib.user_code.python_process import start_python

_SERVER = "chalicelib.user_code.fork_server"
_PATIENCE_SECONDS = 5.0
_ENDS_WITHIN_SECONDS = 5.0


class ForkServerGone(Exception):
    """The fork server does not take tries any more."""


class ForkServerClient:
    """A running fork server, whose processes have ``environ`` for their environment.

    May be used by processes that were forked after it was made: what they send is never mixed.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self.user_packages = user_packages_folder(environ)
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = start_python(_SERVER, theirs.fileno(), self.environ, self.user_packages)
        self._owner = os.getpid()

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def serves(self, environ: Mapping[str, str]) -> bool:
        """Whether its processes have that environment, and the user packages that it names now."""
        return self.environ == environ and self.user_packages == user_packages_folder(environ)

    def hand_over(
        self,
        try_id: str,
        folder: Path,
        filename: str,
        control: Channel,
        ends: tuple[socket.socket, socket.socket, int],
    ) -> None:
        """Have a try made of a DAG file: ``ends`` are its control, stream and output, ``control`` is our end.

        Raises ``ForkServerGone``.
        """
        try:
            control.send({"id": try_id, "folder": str(folder), "filename": filename})
            self._send(b"t", [ends[0].fileno(), ends[1].fileno(), ends[2]])
        except OSError as error:
            raise ForkServerGone from error

    def make_documents(self, control: socket.socket, stream: socket.socket, output: int) -> None:
        """Have a process make documents of DAG files; raises ``ForkServerGone``."""
        try:
            self._send(b"d", [control.fileno(), stream.fileno(), output])
        except OSError as error:
            raise ForkServerGone from error

    def abandon(self, try_id: str) -> None:
        """Give up a try that does not begin: its template is killed."""
        ours, theirs = channel_pair(_PATIENCE_SECONDS)
        with contextlib.closing(ours), theirs, contextlib.suppress(OSError):
            ours.send({"id": try_id})
            self._send(b"k", [theirs.fileno()])

    def close(self) -> None:
        """Let the server end, and wait for it where it is this process's child."""
        self._requests.close()
        if self._owner != os.getpid():
            return
        try:
            self._process.wait(_ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, what: bytes, descriptors: list[int]) -> None:
        socket.send_fds(self._requests, [what], descriptors)


_lock = threading.Lock()
_client: ForkServerClient | None = None


def fork_server(environ: Mapping[str, str]) -> ForkServerClient:
    """The process's fork server, started if need be; another environment takes another one.

    So do other user packages. Raises ``SettingError`` where their folder is none.
    """
    global _client
    with _lock:
        if _client is None or not _client.serves(environ):
            if _client is not None:
                _client.close()
            else:
                atexit.register(_close)
            _client = ForkServerClient(environ)
        return _client


def forget(gone: ForkServerClient) -> None:
    """Start another one next time."""
    global _client
    with _lock:
        if _client is gone:
            gone.close()
            _client = None


def _close() -> None:
    if _client is not None:
        _client.close()
