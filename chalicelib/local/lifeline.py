"""The lifeline by which the local server's processes notice its end: nothing outlives it.

The server holds the only write end of a pipe. A process that reads the pipe sees its end the moment the
server is gone, whichever way it went: that works for ``kill -9`` too, needs no polling and no pid.
"""

import contextlib
import os
import threading
from collections.abc import Callable


class Lifeline:
    """The pipe between the server, which keeps it open, and its processes, which read its end."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    def cut(self) -> None:
        """Tell every reader that the server ends."""
        for fd in (self._write_end, self.read_end):
            with contextlib.suppress(OSError):
                os.close(fd)


def when_cut(lifeline: int, act: Callable[[], None]) -> None:
    """Call ``act`` in a thread of its own once the server is gone; ``lifeline`` is the read end."""

    def wait() -> None:
        os.read(lifeline, 1)
        act()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
