"""The fork server: a process started once, with a clean environment, from which others are forked.

It imports what every DAG file and every try needs, and no user code; so a process that does is there in some
milliseconds and shares the server's memory. It stays single-threaded and ends when the last process that
holds the other end of its socket does. Several workers may share one: all that they send by the socket is
one byte at a time, with descriptors.

- ``t`` with a try's control, stream and output: they go to the template of the file that the first frame
  on control names (``{"id", "folder", "filename"}``). If that template ends before it began the try, control
  gets ``{"load_ended": how}``.
- ``k`` with a socket whose first frame names the ``id`` of a try that has not begun: its template is killed.
- ``d`` with control, stream and output of a process that makes documents of DAG files
  (``documents_process``). It is killed when anything comes by control, or its other end is closed; control
  gets ``{"ended": how}``.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from chalicelib.user_code.frames import BrokenChannel, Channel
from chalicelib.user_code.freshness import (
    Fingerprint,
    Stamp,
    fingerprint,
    is_changeable,
    is_current,
    stamp_of_frame,
)
from chalicelib.user_code.process_tree import (
    adopt_orphans,
    ended_children,
    kill_children,
    kill_tree,
)
from chalicelib.user_code.template import FDS_OF_A_TRY, serve

MOST_TEMPLATES = 8
"""Templates that are kept; each takes the memory that its DAG file's imports take."""

LOOK_EVERY_SECONDS = 1.0
"""How often a DAGs folder that can change is looked through, at most: for files that no import shows."""

_PATIENCE_SECONDS = 5.0

_File = tuple[Path, str]


@dataclass(slots=True)
class _Given:
    """A try that was given to its template."""

    id: str
    control: Channel
    """Kept to tell what the template cannot."""
    has_begun: bool = False


@dataclass(slots=True)
class _Template:
    """A template's process; its tries by the numbers that it counts them with."""

    pid: int
    end: socket.socket
    answers: Channel
    stamp: Stamp | None = None
    has_failed: bool = False
    given: int = 0
    tries: dict[int, _Given] = field(default_factory=dict)

    @property
    def is_fresh(self) -> bool:
        """Whether it may run further tries; one that is still loading may."""
        return not self.has_failed and (self.stamp is None or is_current(self.stamp))


@dataclass(frozen=True, slots=True)
class _Loading:
    """A process that makes documents of DAG files."""

    pid: int
    control: Channel


class ForkServer:
    """Forks templates, gives tries to them, and lets those go that are out of date or not needed."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._templates: OrderedDict[_File, _Template] = OrderedDict()
        self._leaving: list[_Template] = []
        self._loading: dict[int, _Loading] = {}
        self._seen: dict[Path, tuple[float, Fingerprint]] = {}
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_write = socket.socketpair()
        self._in_hand: tuple[int, ...] = ()
        """Descriptors of the try that is being given to its template."""
        self._ended: dict[int, int] = {}
        """Children that have ended and were not looked after yet: pid and wait status."""
        self._is_over = False

    def run(self) -> None:
        """Serve until nobody holds the other end of the socket any more; then end every template."""
        adopt_orphans()
        self._wakeup_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is what makes the wakeup work
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._requests, selectors.EVENT_READ, self._take)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._reap)
        while not self._is_over:
            for key, _ in self._selector.select():
                act: Callable[[], None] = key.data
                act()
        for template in (*self._templates.values(), *self._leaving):
            with contextlib.suppress(ProcessLookupError):
                os.kill(template.pid, signal.SIGKILL)  # its tries die with it
        for pid in self._loading:
            kill_tree(pid)

    def _take(self) -> None:
        asked, descriptors, _, _ = socket.recv_fds(self._requests, 1, FDS_OF_A_TRY)
        if not asked:
            self._is_over = True
        elif asked == b"t" and len(descriptors) == FDS_OF_A_TRY:
            self._give(descriptors)
        elif asked == b"d" and len(descriptors) == FDS_OF_A_TRY:
            self._load(descriptors)
        else:
            self._abandon(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._in_hand = ()

    def _give(self, descriptors: list[int]) -> None:
        control = Channel(socket.socket(fileno=os.dup(descriptors[0])), _PATIENCE_SECONDS)
        wanted = self._first_frame(control)
        if wanted is None:
            control.close()
            return
        self._in_hand = (control.fileno(), *descriptors)
        template = self._template_of((Path(wanted["folder"]), wanted["filename"]))
        template.tries[template.given] = _Given(wanted["id"], control)
        template.given += 1
        with contextlib.suppress(OSError):  # it is gone: those that wait are told when it is waited for
            socket.send_fds(template.end, [b"t"], descriptors)

    def _abandon(self, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            with contextlib.closing(
                Channel(socket.socket(fileno=os.dup(descriptor)), _PATIENCE_SECONDS)
            ) as asked:
                wanted = self._first_frame(asked) or {}
            for template in (*self._templates.values(), *self._leaving):
                waiting = {given.id for given in template.tries.values() if not given.has_begun}
                if wanted.get("id") in waiting:
                    os.kill(template.pid, signal.SIGKILL)

    def _first_frame(self, channel: Channel) -> dict[str, str] | None:
        try:
            frame = channel.receive()
        except BrokenChannel:  # a worker that went away in between
            return None
        return frame[0] if frame else None

    def _template_of(self, file: _File) -> _Template:
        self._look_through(file[0])
        template = self._templates.get(file)
        if template is not None and not template.is_fresh:
            self._retire(file)
            template = None
        if template is None:
            template = self._templates[file] = self._fork(file)
        self._templates.move_to_end(file)
        while len(self._templates) > MOST_TEMPLATES:
            self._retire(next(iter(self._templates)))
        return template

    def _look_through(self, folder: Path) -> None:
        """Let all templates of a folder go when any of its files has changed since the last look."""
        now = time.monotonic()
        looked_at, before = self._seen.get(folder, (0.0, None))
        if not is_changeable(folder) or (before is not None and now - looked_at < LOOK_EVERY_SECONDS):
            return
        found = fingerprint(folder)
        self._seen[folder] = (now, found)
        if before not in (None, found):
            for file in [file for file in self._templates if file[0] == folder]:
                self._retire(file)

    def _fork(self, file: _File) -> _Template:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become(partial(serve, theirs, *file))
        theirs.close()
        template = _Template(pid, ours, Channel(ours, _PATIENCE_SECONDS))
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._hear(template))
        return template

    def _load(self, descriptors: list[int]) -> None:
        """Fork a process that makes documents of DAG files."""
        from chalicelib.user_code.documents_process import make_documents  # no worker needs it

        control, stream, output = descriptors
        ours = Channel(socket.socket(fileno=os.dup(control)))
        self._in_hand = (control, ours.fileno())
        pid = os.fork()
        if pid == 0:
            self._become(partial(make_documents, socket.socket(fileno=stream), output))
        self._loading[pid] = _Loading(pid, ours)
        self._selector.register(ours.fileno(), selectors.EVENT_READ, lambda: self._end_loading(pid))

    def _end_loading(self, pid: int) -> None:
        loading = self._loading.get(pid)
        if loading is None:
            return  # its end was seen at the same moment
        self._selector.unregister(loading.control.fileno())
        kill_tree(pid)

    def _become(self, life: Callable[[], None]) -> NoReturn:
        """Be another process, which holds nothing of the server; it ends when that life does."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for end in (self._requests, self._wakeup, self._wakeup_write):
                end.close()
            for template in (*self._templates.values(), *self._leaving):
                template.end.close()
                for given in template.tries.values():
                    given.control.close()
            for loading in self._loading.values():
                loading.control.close()
            for descriptor in self._in_hand:
                os.close(descriptor)
            life()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _hear(self, template: _Template) -> None:
        if template.end.fileno() < 0:
            return  # its end was seen at the same moment
        try:
            frame = template.answers.receive()
            if frame is not None:
                self._note(template, frame[0])
        except (BrokenChannel, KeyError, TypeError, ValueError):  # user code got hold of its socket
            kill_tree(template.pid)
            frame = None
        if frame is None:
            self._selector.unregister(template.end)  # it has ended, and is waited for

    def _note(self, template: _Template, header: dict[str, Any]) -> None:
        match header:
            case {"begun": int() as number}:
                template.tries[number].has_begun = True
            case {"over": int() as number}:
                template.tries.pop(number).control.close()
            case {"stamp": stamp}:
                template.stamp = stamp_of_frame(stamp)
            case {"failed": True}:
                template.has_failed = True

    def _retire(self, file: _File) -> None:
        """Let a template run its tries to their ends, and no further ones."""
        template = self._templates.pop(file)
        with contextlib.suppress(OSError):
            template.end.shutdown(socket.SHUT_WR)
        self._leaving.append(template)

    def _reap(self) -> None:
        self._wakeup.recv(4096)
        self._ended |= ended_children()
        while self._ended:
            self._has_ended(*self._ended.popitem())

    def _has_ended(self, pid: int, status: int) -> None:
        template = self._forget(pid)
        if template is None:
            self._has_loaded(pid, status)
            return
        while template.end in {key.fileobj for key in self._selector.get_map().values()}:
            self._hear(template)  # what it still said
        template.end.close()
        if template.tries:
            self._ended |= kill_children(but=self._pids)  # its tries are dead; this is what they had started
        for given in template.tries.values():
            with contextlib.suppress(OSError):
                given.control.send(_end_of(given, template, status))
            given.control.close()

    def _has_loaded(self, pid: int, status: int) -> None:
        loading = self._loading.pop(pid, None)
        if loading is None:
            return  # what a try had started
        self._ended |= kill_children(but=self._pids)
        with contextlib.suppress(KeyError):  # it was told to end
            self._selector.unregister(loading.control.fileno())
        with contextlib.suppress(OSError):
            loading.control.send({"ended": os.waitstatus_to_exitcode(status)})
        loading.control.close()

    def _forget(self, pid: int) -> _Template | None:
        """Take the template of that pid off the list, if it is one's."""
        for file, template in self._templates.items():
            if template.pid == pid:
                return self._templates.pop(file)
        for number, template in enumerate(self._leaving):
            if template.pid == pid:
                return self._leaving.pop(number)
        return None

    @property
    def _pids(self) -> set[int]:
        templates = {template.pid for template in (*self._templates.values(), *self._leaving)}
        return templates | self._loading.keys()


def _end_of(given: _Given, template: _Template, status: int) -> dict[str, object]:
    """What a worker is told of its try when the template has ended."""
    if given.has_begun:
        return {"template_ended": True}
    if template.stamp is not None:
        return {"lost": True}
    return {"load_ended": os.waitstatus_to_exitcode(status)}


def _have_a_home() -> None:
    """See that libraries find a home folder to write to: Lambda has none, and its disk is read-only."""
    if not os.access(os.path.expanduser("~"), os.W_OK):
        os.environ["HOME"] = tempfile.gettempdir()


def main(requests: int) -> None:
    """Import what is needed everywhere, then serve."""
    from chalicelib.user_code.warm_up import warm_up

    os.set_inheritable(requests, False)
    _have_a_home()
    logging.getLogger().addHandler(logging.NullHandler())  # its own tries are nobody's
    warm_up()
    ForkServer(socket.socket(fileno=requests)).run()
    sys.exit(0)
