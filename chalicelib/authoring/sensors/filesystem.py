"""``FileSensor``: waits until a file is there."""

from collections.abc import Mapping, Sequence
from glob import glob
from os import walk
from os.path import isfile, join
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.surroundings.filesystem_hook import FSHook

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class FileSensor(BaseSensorOperator):
    """Waits for a file, or for a file anywhere in a folder; ``filepath`` may be a pattern of ``glob``.

    A relative path begins in the folder of the connection. ``deferrable``, ``start_from_trigger`` and
    ``trigger_kwargs`` change nothing: no sensor holds compute between pokes.
    """

    template_fields: Sequence[str] = ("filepath",)
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool = False,
        start_from_trigger: bool = False,  # noqa: ARG002 - Airflow's; see above
        trigger_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath = filepath
        self.fs_conn_id = fs_conn_id
        self.recursive = recursive
        self.deferrable = deferrable

    @property
    def path(self) -> str:
        """The path or pattern from its first folder on."""
        return join(FSHook(self.fs_conn_id).get_path(), self.filepath)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - Airflow's signature
        """Whether there is such a file."""
        self.log.info("Poking for file %s", self.path)
        return any(_is_or_has_file(path) for path in glob(self.path, recursive=self.recursive))


def _is_or_has_file(path: str) -> bool:
    return isfile(path) or any(files for _, _, files in walk(path))
