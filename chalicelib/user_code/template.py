"""A template: a process that has imported one DAG file, and is forked for each try of its tasks.

It is forked from the fork server, asks nobody for anything but during the import (on behalf of the try for
which it imports), and holds no connection but to the fork server and to the workers whose tries run.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.authoring.loading.loader import ImportFailure, load_file
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.surroundings import secrets_masker
from chalicelib.user_code.frames import BrokenChannel, Channel, Requests
from chalicelib.user_code.freshness import stamp_of
from chalicelib.user_code.process_tree import (
    adopt_orphans,
    children,
    die_with_parent,
    ended_children,
    has_children,
    kill_children,
    kill_group,
    kill_tree,
)
from chalicelib.user_code.try_process import asking, await_a_try, writing_to

FDS_OF_A_TRY = 3
"""Control, stream and output, in this order."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What a worker hands over for one try."""

    control: Channel
    stream: socket.socket
    output: int

    def close(self) -> None:
        self.control.close()
        self.stream.close()
        os.close(self.output)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A try at work: the number that it was counted with, and the line to its worker."""

    number: int
    control: Channel


@dataclass(frozen=True, slots=True)
class _Ready:
    """A process that waits for a try."""

    pid: int
    end: socket.socket
    """The socket by which it is given one."""


class Template:
    """The process of one DAG file; ``server`` is its socket to the fork server.

    From there come the descriptors of tries, by one byte each, counted from 0; back go frames:
    ``{"begun": number}`` and ``{"over": number}`` of a try, ``{"stamp": …}`` of what was read, and
    ``{"failed": true}`` when it could not be.
    """

    def __init__(self, server: socket.socket, folder: Path, filename: str) -> None:
        self._server = server
        self._answers = Channel(server)
        self._folder = folder
        self._filename = filename
        self._dags: dict[str, DAG] | None = None
        self._taken = 0
        self._tries: dict[int, _Begun] = {}
        self._spared: frozenset[int] = frozenset()
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_write = socket.socketpair()
        self._given: tuple[_Given, ...] = ()
        self._ready: _Ready | None = None
        self._is_retired = False

    def run(self) -> None:
        """Serve until the fork server closes the socket, or is gone, and the last try has ended."""
        die_with_parent()
        adopt_orphans()
        secrets_masker.mask_secrets_of(os.environ)
        self._wakeup_write.setblocking(False)
        self._selector.register(self._server, selectors.EVENT_READ, self._take)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._reap)
        while not self._is_retired or self._tries:
            for key, _ in self._selector.select():
                act: Callable[[], None] = key.data
                act()

    def _take(self) -> None:
        try:
            asked, descriptors, _, _ = socket.recv_fds(self._server, 1, FDS_OF_A_TRY)
        except ConnectionError:
            asked, descriptors = b"", []
        if not asked:
            self._is_retired = True
            self._selector.unregister(self._server)
            return
        control, stream, output = descriptors
        given = _Given(Channel(socket.socket(fileno=control)), socket.socket(fileno=stream), output)
        self._given = (given,)
        with contextlib.closing(given):
            self._begin(given)
        self._given = ()
        self._taken += 1

    def _begin(self, given: _Given) -> None:
        if self._dags is None:
            loaded = self._load(given)
            if isinstance(loaded, ImportFailure):
                self._tell_server({"failed": True})
                with contextlib.suppress(OSError):  # the worker is gone
                    given.control.send({"load_failed": loaded.message})
                self._tell_server({"over": self._taken})
                return
            self._dags = loaded
        pid = self._hand_on(given)
        self._tell_server({"begun": self._taken})
        control = Channel(socket.socket(fileno=os.dup(given.control.fileno())))
        self._tries[pid] = _Begun(self._taken, control)
        self._selector.register(control.fileno(), selectors.EVENT_READ, lambda: self._hear(pid))
        with contextlib.suppress(OSError):  # the worker is gone: its end is read next
            control.send({"started": pid})

    def _hand_on(self, given: _Given) -> int:
        """Give stream and output to a process that is ready; its pid."""
        ready, self._ready = self._ready or self._fork(ahead_of_time=False), None
        with ready.end:
            try:
                socket.send_fds(ready.end, [b"t"], [given.stream.fileno(), given.output])
            except OSError:  # somebody killed it while it waited
                return self._hand_on(given)
        return ready.pid

    def _fork(self, *, ahead_of_time: bool) -> _Ready:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become_a_try(theirs, ahead_of_time=ahead_of_time)
        theirs.close()
        return _Ready(pid, ours)

    def _load(self, given: _Given) -> dict[str, DAG] | ImportFailure:
        """Import the file, on behalf of the worker that needs it first."""
        begun = time.time_ns()
        with writing_to(given.output), asking(Requests(Channel(given.stream.dup()))):
            loaded = load_file(Path(self._filename), self._folder)
        _write_to_nobody()
        if isinstance(loaded, ImportFailure):
            return loaded
        self._tell_server({"stamp": stamp_of(loaded.read, begun)})
        _let_pages_be_shared()
        self._spared = frozenset(children(os.getpid()) if has_children() else ())
        # User code may have put others in their place.
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is what makes the wakeup work
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        return {dag.dag_id: dag for dag in loaded.dags}

    def _become_a_try(self, end: socket.socket, *, ahead_of_time: bool) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._close_all()
            await_a_try(end, self._dags or {}, ahead_of_time=ahead_of_time)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _close_all(self) -> None:
        self._selector.close()
        for end in (self._server, self._wakeup, self._wakeup_write):
            end.close()
        for given in self._given:
            given.close()
        for begun in self._tries.values():
            begun.control.close()

    def _hear(self, pid: int) -> None:
        """Do with a try what its worker wants; one whose worker is gone is killed."""
        begun = self._tries.get(pid)
        if begun is None:
            return  # its end was seen at the same moment
        try:
            frame = begun.control.receive()
        except BrokenChannel:
            frame = None
        if frame is None or frame[0].get("signal") != signal.SIGTERM:
            if frame is None:
                self._selector.unregister(begun.control.fileno())
            kill_tree(pid)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGTERM)

    def _reap(self) -> None:
        self._wakeup.recv(4096)
        statuses = ended_children()
        if statuses.keys() & self._tries.keys() and self._has_left_overs(statuses):
            statuses |= kill_children(but=self._known)
        if self._ready is not None and self._ready.pid in statuses:
            self._ready.end.close()
            self._ready = None
        for pid in statuses.keys() & self._tries.keys():
            self._has_ended(pid, statuses[pid])
        if self._ready is None and not self._is_retired:
            self._ready = self._fork(ahead_of_time=True)

    def _has_ended(self, pid: int, status: int) -> None:
        kill_group(pid)
        begun = self._tries.pop(pid)
        control = begun.control
        with contextlib.suppress(KeyError, ValueError):  # its worker was gone
            self._selector.unregister(control.fileno())
        with contextlib.suppress(OSError):
            control.send({"ended": os.waitstatus_to_exitcode(status)})
        control.close()
        self._tell_server({"over": begun.number})

    @property
    def _known(self) -> set[int]:
        """The children that are no left-overs."""
        ready = {self._ready.pid} if self._ready is not None else set()
        return {*self._tries, *self._spared, *ready}

    def _has_left_overs(self, ended: dict[int, int]) -> bool:
        """Whether dead tries may have left processes behind, whose parent this one became."""
        return bool(self._known - ended.keys()) or has_children()

    def _tell_server(self, header: dict[str, object]) -> None:
        with contextlib.suppress(OSError):  # it is gone, and with it this process, in a moment
            self._answers.send(header)


def serve(server: socket.socket, folder: Path, filename: str) -> None:
    """Be the template of a DAG file."""
    _write_to_nobody()
    Template(server, folder, filename).run()


def _write_to_nobody() -> None:
    """Between tries nothing that user code left running may write anywhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _let_pages_be_shared() -> None:
    """Keep the collector off what is there now: it would touch, and so copy, what all tries share."""
    import gc

    gc.collect()
    gc.freeze()
