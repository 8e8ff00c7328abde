"""The local server's user packages: installed at its start, and looked after from then on."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from chalicelib.user_packages import REQUIREMENTS
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.here import use_user_packages

_Status = tuple[int, int] | None


class Requirements:
    """``requirements.txt`` of a DAGs folder; ``report`` gets lines for the user."""

    def __init__(self, dags_folder: Path, report: Callable[[str], None]) -> None:
        self._folder = dags_folder
        self._report = report
        self._status = self._now()
        self._installed = ""

    def install(self) -> None:
        """Install what it asks for, for processes that start from now on; raises ``UserPackagesError``."""
        installed = use_user_packages(self._folder, tell=lambda line: click.echo(line, err=True))
        self._installed = self._asked()
        if installed is not None:
            self._report(installed.line())

    def look(self) -> None:
        """Tell once when it asks for something else than was installed: that needs another start."""
        status = self._now()
        if status == self._status:
            return
        self._status = status
        try:
            is_other = self._asked() != self._installed
        except UserPackagesError as error:
            self._report(str(error))
            return
        if is_other:
            self._report(f"{REQUIREMENTS} has changed: start again to install what it asks for now.")

    def _asked(self) -> str:
        """A text that changes with what is asked for; empty for nothing."""
        if not (self._folder / REQUIREMENTS).exists():
            return ""
        from chalicelib.user_packages.requirement_files import asked_for

        asked = asked_for(self._folder)
        return asked.digest if asked is not None else ""

    def _now(self) -> _Status:
        try:
            status = os.stat(self._folder / REQUIREMENTS)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size
