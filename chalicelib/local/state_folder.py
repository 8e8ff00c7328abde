"""The folder that the local server keeps its state in, and the lock that makes it one server's."""

import contextlib
import fcntl
import os
import time
from pathlib import Path

_TAKEOVER_WITHIN_SECONDS = 30.0
_ENDPOINT = "endpoint"
_LOCK = "lock"


class StateFolderUnusable(Exception):
    """The folder cannot be written, or another server uses it; the text says which, in one line."""


class StateFolder:
    """A locked state folder; ``lock_fd`` is the lock, which lasts as long as anybody holds it open."""

    def __init__(self, path: Path) -> None:
        """Make the folder and lock it; raises StateFolderUnusable."""
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock_fd = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateFolderUnusable(
                f"The state folder {path} cannot be written: {error.strerror}. "
                "Set UPDRAFT__LOCAL__STATE_DIR to another one."
            ) from error
        try:
            self._lock()
        except StateFolderUnusable:
            os.close(self.lock_fd)
            raise
        os.truncate(self.lock_fd, 0)
        os.pwrite(self.lock_fd, str(os.getpid()).encode(), 0)

    def publish_endpoint(self, endpoint: str) -> None:
        """Leave word for the command line where the embedded AWS answers."""
        fresh = self.path / f"{_ENDPOINT}.new"
        fresh.write_text(endpoint + "\n")
        fresh.replace(self.path / _ENDPOINT)

    def release(self) -> None:
        """Withdraw the endpoint and give the folder back."""
        (self.path / _ENDPOINT).unlink(missing_ok=True)
        os.close(self.lock_fd)

    def _lock(self) -> None:
        """Take the lock; the emulator of a server that was killed may hold it for its last save."""
        deadline = time.monotonic() + _TAKEOVER_WITHIN_SECONDS
        while True:
            try:
                fcntl.flock(self.lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self._owner()
                if (owner and _is_alive(owner)) or time.monotonic() > deadline:
                    raise StateFolderUnusable(
                        f"The state folder {self.path} is in use by another local server (process {owner})."
                    ) from None
                time.sleep(0.05)
            else:
                return

    def _owner(self) -> int:
        with contextlib.suppress(ValueError):
            return int(os.pread(self.lock_fd, 20, 0))
        return 0


def published_endpoint(path: Path) -> str | None:
    """Where the embedded AWS of the server that uses this state folder answers; None when none runs.

    A server that was killed leaves its endpoint behind, but nobody holds the lock then.
    """
    try:
        endpoint = (path / _ENDPOINT).read_text().strip()
        lock = os.open(path / _LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return endpoint
    finally:
        os.close(lock)
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
