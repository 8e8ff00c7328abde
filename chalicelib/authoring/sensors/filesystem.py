"""``FileSensor``: waits until a file is there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from glob import glob
from os import walk
from os.path import isfile, join
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.sensors.base import BaseSensorOperator
from chalicelib.authoring.surroundings.configuration import is_deferrable
from chalicelib.authoring.surroundings.filesystem_hook import FSHook
from chalicelib.authoring.triggers.base import StartTriggerArgs
from chalicelib.authoring.triggers.file import FileTrigger

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class FileSensor(BaseSensorOperator):
    """Waits for a file, or for a file anywhere in a folder; ``filepath`` may be a pattern of ``glob``.

    A relative path begins in the folder of the connection. With ``deferrable`` it is deferred when the file
    is not there at first, with ``start_from_trigger`` at once.
    """

    template_fields: Sequence[str] = ("filepath",)
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = "fs_default",
        recursive: bool = False,
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        trigger_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG002 - Airflow's, for mapped ones
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath = filepath
        self.fs_conn_id = fs_conn_id
        self.recursive = recursive
        self.deferrable = is_deferrable(deferrable)
        self.start_from_trigger = start_from_trigger and self.deferrable
        if self.start_from_trigger:
            path, kwargs = self._trigger().serialize()
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=path,
                trigger_kwargs=kwargs,
                next_method="execute_complete",
                timeout=timedelta(seconds=self.timeout),
            )

    @property
    def path(self) -> str:
        """The path or pattern from its first folder on."""
        return join(FSHook(self.fs_conn_id).get_path(), self.filepath)

    def execute(self, context: "Context") -> Any:
        """Poke; with ``deferrable`` once, and be deferred then."""
        if not self.deferrable:
            return super().execute(context)
        if self.poke(context):
            return None
        timeout = timedelta(seconds=self.timeout)
        return self.defer(timeout=timeout, trigger=self._trigger(), method_name="execute_complete")

    def execute_complete(self, context: "Context", event: Any = None) -> None:  # noqa: ARG002 - Airflow's
        """Fail unless the file was found."""
        if not event:
            raise AirflowException(f"{self.task_id} task failed as {self.filepath} not found.")
        self.log.info("%s completed successfully as %s found.", self.task_id, self.filepath)

    def _trigger(self) -> FileTrigger:
        return FileTrigger(filepath=self.path, recursive=self.recursive, poke_interval=self.poke_interval)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - Airflow's signature
        """Whether there is such a file."""
        self.log.info("Poking for file %s", self.path)
        return any(_is_or_has_file(path) for path in glob(self.path, recursive=self.recursive))


def _is_or_has_file(path: str) -> bool:
    return isfile(path) or any(files for _, _, files in walk(path))
