"""The folder that the local server keeps its state in, and the lock that makes it one server's.

All in it is for the user alone: password hashes, variables and logs are there, the key that decrypts
connections, and the key to the running server's embedded AWS.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

_TAKEOVER_WITHIN_SECONDS = 30.0
_ENDPOINT = "endpoint"
_KEY = "endpoint.key"
_LOCK = "lock"
_OURS = ("endpoint*", "fernet.key", "lock", "snapshot*", "journal-*", "emulator.log", "objects")


class StateFolderUnusable(Exception):
    """The folder cannot be written, or another server uses it; the text says which, in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where the embedded AWS of a running server answers, and the key that its requests are signed with."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


class StateFolder:
    """A locked state folder; ``lock_fd`` is the lock, which lasts as long as any process holds it open."""

    def __init__(self, path: Path) -> None:
        """Make the folder and lock it; raises StateFolderUnusable."""
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(self.path)
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
        self._withdraw()  # what a server that was killed left behind

    def publish_endpoint(self, endpoint: Endpoint) -> None:
        """Leave word for the command line where the embedded AWS answers, and the key to it."""
        self._write(_KEY, f"{endpoint.access_key_id}\n{endpoint.secret_access_key}\n")
        self._write(_ENDPOINT, f"{endpoint.url}\n")

    def release(self) -> None:
        """Withdraw the endpoint and give the folder back."""
        self._withdraw()
        os.close(self.lock_fd)

    def _write(self, name: str, text: str) -> None:
        fresh = self.path / f"{name}.new"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        fresh.replace(self.path / name)

    def _withdraw(self) -> None:
        for name in (_ENDPOINT, _KEY):
            (self.path / name).unlink(missing_ok=True)

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


def published_endpoint(path: Path) -> Endpoint | None:
    """Where the embedded AWS of the server that uses this state folder answers; None when none runs.

    A server that was killed leaves its endpoint behind, but no process holds the lock then.
    """
    try:
        url = (path / _ENDPOINT).read_text().strip()
        access_key_id, secret_access_key = (path / _KEY).read_text().split()
        lock = os.open(path / _LOCK, os.O_RDWR)
    except (OSError, ValueError):
        return None
    endpoint = Endpoint(url=url, access_key_id=access_key_id, secret_access_key=secret_access_key)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return endpoint
    finally:
        os.close(lock)
    return None


def _make_private(folder: Path) -> None:
    """Take from others what an earlier version, or the user's umask, let them do in an existing folder.

    No other user passes the folder then; our files in it are narrowed too, in case they are copied elsewhere.
    """
    if folder.stat().st_mode & stat.S_ISVTX:
        raise PermissionError(errno.EPERM, "it is a folder that all users share")
    folder.chmod(0o700)
    for path in (path for pattern in _OURS for path in folder.glob(pattern)):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & 0o700)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
