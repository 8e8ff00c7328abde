"""The folder that a try may fill, and what it leaves behind elsewhere in the temporary folder.

On Lambda ``/tmp`` is shared by all tries of an environment, and is the function's alone: whatever a try made
in it goes. On any other machine it is everybody's, and nothing but the try's own folder is touched.
"""

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

log = logging.getLogger(__name__)

_PREFIX = "updraft-try-"

_LAMBDA_ROOT = "/var/task"
"""Where AWS Lambda, and nobody who emulates it on a machine of others, puts a function's code."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that is gone afterwards, whatever is in it."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield folder
    finally:
        _remove(folder)


@dataclass(slots=True)
class Leftovers:
    """What is in a folder that was not there when ``begin`` was called.

    Files that were there and have changed are left as they are.
    """

    folder: Path | None
    """None: nothing is ever left over."""
    _known: frozenset[str] = field(default=frozenset(), init=False)
    _has_begun: bool = field(default=False, init=False)

    def begin(self) -> None:
        """From now on what comes into the folder is a left-over."""
        if self.folder is not None:
            self._known = frozenset(_all_in(self.folder))
            self._has_begun = True

    def remove(self) -> None:
        """Remove the left-overs, if any were looked for."""
        if self.folder is None or not self._has_begun:
            return
        for path in sorted(set(_all_in(self.folder)) - self._known):
            if os.path.lexists(path):  # it may have gone with its folder
                _remove(Path(path))


def shared_temporary_folder() -> Path | None:
    """The folder for temporary files if nobody but this function uses it, else None."""
    is_lambda = os.environ.get("LAMBDA_TASK_ROOT") == _LAMBDA_ROOT and __file__.startswith(f"{_LAMBDA_ROOT}/")
    return Path("/tmp") if is_lambda else None  # noqa: S108 - it is Lambda's


def _all_in(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield os.path.join(parent, name)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=_with_rights)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be removed: %s", path, error.strerror)


_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType]


def _with_rights(function: Callable[[str], object], path: str, _error: _ErrorInfo) -> None:
    """Try again after giving the user the rights that a try took away."""
    for each in (os.path.dirname(path), path):
        if os.path.isdir(each) and not os.path.islink(each):
            os.chmod(each, stat.S_IRWXU)
    if function in (os.open, os.scandir, os.lstat):  # the folder could not be looked into
        shutil.rmtree(path)
    else:
        function(path)
