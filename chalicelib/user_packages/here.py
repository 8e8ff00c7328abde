"""User packages of this machine, for commands: installed if need be, and named in the environment."""

import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.settings import USER_PACKAGES
from chalicelib.user_packages import REQUIREMENTS

if TYPE_CHECKING:
    from chalicelib.user_packages.installed import Installed

_STATE_FOLDER = ".updraft"


def use_user_packages(
    dags_folder: Path, *, tell: Callable[[str], None], environ: MutableMapping[str, str] = os.environ
) -> "Installed | None":
    """Name what the folder asks for in an environment, for processes with user code that get it from there.

    Installs it below the state folder first, if need be: ``tell`` gets a line for the user then. None where
    nothing is asked for, and where the environment names a folder already, which is taken as it is. Raises
    ``UserPackagesError``.
    """
    if environ.get(USER_PACKAGES) or not (dags_folder / REQUIREMENTS).exists():
        return None
    from chalicelib.user_packages.installing import install_here

    state_folder = Path(os.environ.get("UPDRAFT__LOCAL__STATE_DIR") or _STATE_FOLDER)
    installed = install_here(dags_folder, state_folder=state_folder, tell=tell)
    if installed is not None:
        environ[USER_PACKAGES] = str(installed.folder)
    return installed
