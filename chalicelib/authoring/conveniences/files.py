"""Functions on folders (``airflow.utils.file``)."""

import os
from pathlib import Path


def mkdirs(path: str | os.PathLike[str], mode: int) -> None:
    """Make a folder and those above it, unless they are there."""
    Path(path).mkdir(mode=mode, parents=True, exist_ok=True)
