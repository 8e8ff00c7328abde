"""The ``chalice`` program, run beside this Python."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import ClassVar

from chalicelib.deploy.steps import CommandFailed
from chalicelib.domain.errors import UpdraftError

RunChalice = Callable[[Path, tuple[str, ...]], None]
"""Runs the ``chalice`` program in a project's directory; raises ``CommandFailed`` and ``PackagesMissing``."""

_MISSING, _AFTER_MISSING = "Could not install dependencies:", "You will have to build these yourself"
"""What Chalice 1.34 writes around packages that it leaves out, before it goes on without them."""


class PackagesMissing(UpdraftError):
    """Required ``packages`` (``name==version``) are not in what Chalice has built: nothing of them fits."""

    code: ClassVar[str] = "packages_missing"

    def __init__(self, packages: Sequence[str]) -> None:
        super().__init__(f"Chalice left out {', '.join(packages)}")
        self.packages = tuple(packages)


def run_chalice(project: Path, arguments: tuple[str, ...]) -> None:
    """Run the ``chalice`` program beside this Python; what it says is the user's to see."""
    program = Path(sys.executable).with_name("chalice")
    # Chalice knows a package by a hash that covers __pycache__, too: running must not change the project.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    said = []
    with subprocess.Popen(  # noqa: S603 - our own program
        [program, *arguments],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            said.append(line.strip())
    missing = left_out(said)
    if missing:
        raise PackagesMissing(missing)
    if running.returncode:
        raise CommandFailed(" ".join(("chalice", *arguments)), running.returncode)


def left_out(said: Sequence[str]) -> tuple[str, ...]:
    """The packages that Chalice says it has left out, of the lines that it wrote."""
    listed = [*dropwhile(lambda line: line != _MISSING, said)][1:]
    return tuple(line for line in takewhile(lambda line: not line.startswith(_AFTER_MISSING), listed) if line)
