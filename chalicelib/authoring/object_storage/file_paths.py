"""``ObjectStoragePath`` of files by URLs, where universal-pathlib is not installed."""

from pathlib import Path
from typing import Any

from chalicelib.authoring.exceptions import AirflowException

_FILE = "file://"


class ObjectStoragePath(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A path of the file system, by a ``file://`` URL or as it is; raises ``AirflowException`` for others."""

    _conn_id: str | None = None

    def __new__(cls, *args: Any, conn_id: str | None = None, **_: Any) -> "ObjectStoragePath":  # noqa: ARG004 - Airflow's
        """The path; a file needs no connection."""
        made: ObjectStoragePath = super().__new__(cls, *map(_local, args))
        return made

    def __init__(self, *args: Any, conn_id: str | None = None, **_: Any) -> None:
        if type(Path()).__init__ is not object.__init__:  # Python 3.12 keeps the parts here
            super().__init__(*map(_local, args))
        self._conn_id = conn_id

    @property
    def protocol(self) -> str:
        """``file``."""
        return "file"

    @property
    def conn_id(self) -> str | None:
        """The connection that was named; it has no effect."""
        return self._conn_id

    @property
    def path(self) -> str:
        """The path without the scheme."""
        return str(self)


def _local(part: Any) -> Any:
    if not isinstance(part, str):
        return part
    if part.startswith(_FILE):
        return part.removeprefix(_FILE)
    scheme, separator, _ = part.partition("://")
    if separator:
        raise AirflowException(
            f"ObjectStoragePath of {scheme}:// needs packages: put universal-pathlib<0.3, fsspec and the "
            "provider package of the store (for s3:// apache-airflow-providers-amazon[s3fs]) into "
            "requirements.txt of the DAGs folder"
        )
    return part
