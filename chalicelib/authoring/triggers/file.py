"""A trigger that fires when a file is there."""

import asyncio
import glob
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from chalicelib.authoring.triggers.base import BaseTrigger, TriggerEvent


class FileTrigger(BaseTrigger):
    """Fires ``True`` when a file is there, or a folder that has a file in it.

    ``filepath`` may be a glob pattern, ``poke_interval`` is in seconds.
    """

    def __init__(
        self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any
    ) -> None:
        super().__init__()
        self.filepath = filepath
        self.recursive = recursive
        self.poke_interval: float = kwargs.get("poll_interval") or poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Its arguments."""
        kwargs = {
            "filepath": self.filepath,
            "recursive": self.recursive,
            "poke_interval": self.poke_interval,
        }
        return "airflow.triggers.file.FileTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look each ``poke_interval``."""
        while not self._is_there():
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(True)

    def _is_there(self) -> bool:
        paths = [Path(path) for path in glob.glob(self.filepath, recursive=self.recursive)]
        found = next((path for path in paths if path.is_file() or _has_a_file(path)), None)
        if found is not None:
            self.log.info("Found %s", found)
        return found is not None


def _has_a_file(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))
