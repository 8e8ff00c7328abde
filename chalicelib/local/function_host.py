"""The process that has imported the app, and forks a child per Lambda environment.

``python -m chalicelib.local.function_host CONTROL LIFELINE MODULE...`` imports the modules and then
forks on demand: a fork of a process that has everything imported is ready in milliseconds. It stays
single-threaded and never runs a handler itself.

Protocol, all of it on inherited descriptors:

- CONTROL, a stream socket: each byte from the pool brings a descriptor, the child's end of a new
  invocation channel; each child's end is reported back as ``EXIT_RECORD`` (its pid and wait status).
- an invocation channel: the child sends ``{"pid": ...}`` once, and then answers each
  ``{"handler", "event", "request_id", "function_name", "memory", "timeout"}`` with ``{"result": ...}`` or
  ``{"error": {"errorType", "errorMessage", "stackTrace"}}``, Lambda's own shape. Its end means the child's.
"""

import contextlib
import importlib
import json
import logging
import os
import select
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from chalicelib.local.lifeline import when_cut
from chalicelib.local.terminal import log_to_terminal
from chalicelib.user_code.process_tree import (
    adopt_orphans,
    children,
    descendants,
    die_with_parent,
    kill_all,
    kill_tree,
)

EXIT_RECORD = struct.Struct("!ii")
_LAST_MOMENTS_SECONDS = 0.3

logger = logging.getLogger(__name__)


class FunctionContext:
    """The context object of one invocation, with the attributes of Lambda's that make sense here."""

    function_version = "$LATEST"

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.function_name: str = request["function_name"]
        self.memory_limit_in_mb: int = request["memory"]
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = f"local/{os.getpid()}"
        self._deadline = time.monotonic() + request["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is killed."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class FunctionHost:
    """Forks children, tells the pool when they end, and cleans up what they leave behind."""

    def __init__(self, control: socket.socket, lifeline: int) -> None:
        self._control = control
        self._lifeline = lifeline
        self._children: set[int] = set()
        self._spared = frozenset(children(os.getpid()))
        """What the preloaded modules have started for the children."""
        self._wakeup, wakeup_write = socket.socketpair()
        wakeup_write.setblocking(False)
        self._wakeup_write = wakeup_write

    def run(self) -> None:
        """Serve until the pool closes the control socket or is gone; then end every child."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is what makes the wakeup work
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        adopt_orphans()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._control, selectors.EVENT_READ, self._fork_one)
                selector.register(self._wakeup, selectors.EVENT_READ, self._reap)
                while all(key.data() for key, _ in selector.select()):
                    pass
            if _is_cut(self._lifeline):
                # the server is gone: children notice it and end what they started; the rest is done here
                time.sleep(_LAST_MOMENTS_SECONDS)
        finally:
            self._end_everything()

    def _end_everything(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:  # a child that ends leaves its own children to this process
                kill_all(descendants(os.getpid()) or self._children)
                self._children.discard(os.waitpid(-1, 0)[0])

    def _fork_one(self) -> bool:
        try:
            asked, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        except ConnectionError:
            return False
        if not asked:
            return False
        pid = os.fork()
        if pid == 0:
            self._become_child(descriptors[0])
        os.close(descriptors[0])
        self._children.add(pid)
        return True

    def _become_child(self, channel: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            self._wakeup.close()
            self._wakeup_write.close()
            serve_invocations(Connection(channel), self._lifeline)
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> bool:
        self._wakeup.recv(4096)
        ended = False
        is_heard = True
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in self._children:
                ended = True
                self._children.discard(pid)
                is_heard = is_heard and self._report(pid, os.waitstatus_to_exitcode(status))
        if ended:
            self._end_orphans()
        return is_heard

    def _report(self, pid: int, status: int) -> bool:
        """Tell the pool of a child's end; gives whether there still is a pool."""
        try:
            self._control.sendall(EXIT_RECORD.pack(pid, status))
        except ConnectionError:
            return False
        return True

    def _end_orphans(self) -> None:
        """End what a dead child left behind: its subprocesses, whose parent this process became.

        What a living child's subprocesses leave behind stays with that child, which adopts it likewise.
        """
        for pid in children(os.getpid()):
            if pid not in self._children | self._spared:
                kill_tree(pid)


def _is_cut(lifeline: int) -> bool:
    """Whether the server is gone; by ``poll``, for ``select`` refuses descriptors from 1,024 on."""
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    return bool(poll.poll(0))


def serve_invocations(channel: Connection, lifeline: int) -> None:
    """A child's life: answer invocations one after another until the pool closes the channel."""
    os.setsid()  # out of reach of Ctrl-C, and leader of the group that its subprocesses are in
    die_with_parent()
    adopt_orphans()
    when_cut(lifeline, lambda: kill_tree(os.getpid()))
    channel.send_bytes(json.dumps({"pid": os.getpid()}).encode())
    while True:
        try:
            request = json.loads(channel.recv_bytes())
        except (EOFError, ConnectionError):
            return
        answer = _answer(request)
        channel.send_bytes(answer)


def _answer(request: dict[str, Any]) -> bytes:
    try:
        handler = _handler(request["handler"])
        result = handler(request["event"], FunctionContext(request))
        return json.dumps({"result": result}).encode()
    except Exception as error:
        failure = {
            "errorType": type(error).__name__,
            "errorMessage": str(error),
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return json.dumps({"error": failure}).encode()


def _handler(reference: str) -> Callable[[Any, FunctionContext], Any]:
    """The callable that ``module:name`` stands for."""
    module, _, name = reference.partition(":")
    handler: Callable[[Any, FunctionContext], Any] = getattr(importlib.import_module(module), name)
    return handler


def main() -> None:
    """Import what the children will need, then fork on demand."""
    control, lifeline = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    os.set_inheritable(control.fileno(), False)
    os.set_inheritable(lifeline, False)
    log_to_terminal(os.environ)
    for module in sys.argv[3:]:
        importlib.import_module(module)
    FunctionHost(control, lifeline).run()


if __name__ == "__main__":
    main()
