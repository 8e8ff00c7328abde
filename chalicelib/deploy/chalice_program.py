"""Running the ``chalice`` program."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from chalicelib.deploy.steps import CommandFailed

DEPLOY_FILLED_IN = "deploy-filled-in"
"""The command that ``chalice_with_policies`` adds to Chalice's."""

RunChalice = Callable[[Path, tuple[str, ...]], None]
"""Runs the ``chalice`` program in a project's directory; raises ``CommandFailed``."""


def run_chalice(project: Path, arguments: tuple[str, ...]) -> None:
    """Run the ``chalice`` program beside this Python; what it says is the user's to see.

    ``deploy`` takes the policies that ``policies.write_policies`` has made for the stage.
    """
    command, *options = arguments
    program: tuple[str | Path, ...] = (Path(sys.executable).with_name("chalice"), command)
    if command == "deploy":
        program = (sys.executable, "-m", "chalicelib.deploy.chalice_with_policies", DEPLOY_FILLED_IN)
    # Chalice knows a package by a hash that covers __pycache__, too: running must not change the project.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*program, *options], cwd=project, env=environment, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise CommandFailed(" ".join(("chalice", *arguments)), done.returncode)
