"""``FSHook``: the folder that a connection of type ``fs`` names."""

from typing import Any

from chalicelib.authoring.exceptions import AirflowNotFoundException
from chalicelib.authoring.surroundings.connections import BaseHook, Connection

_DEFAULT = "fs_default"

_AIRFLOWS_OWN = Connection(conn_id=_DEFAULT, conn_type="fs", extra='{"path": "/"}')
"""The connection of that id which a new Airflow has."""


class FSHook(BaseHook):
    """A folder, by ``path`` in the extra of a connection; ``fs_default`` is ``/`` unless it is defined.

    Raises ``AirflowNotFoundException`` for a connection that is not defined.
    """

    conn_name_attr = "fs_conn_id"
    default_conn_name = _DEFAULT
    conn_type = "fs"
    hook_name = "File (path)"

    def __init__(self, fs_conn_id: str = _DEFAULT, **_: Any) -> None:
        self.conn = self._connection(fs_conn_id)
        self.basepath: str = self.conn.extra_dejson.get("path", "")

    def _connection(self, conn_id: str) -> Connection:
        try:
            return self.get_connection(conn_id)
        except AirflowNotFoundException:
            if conn_id != _DEFAULT:
                raise
            return _AIRFLOWS_OWN

    def get_conn(self) -> None:
        """Nothing: files need no connection."""

    def get_path(self) -> str:
        """The folder; empty where the connection names none."""
        return self.basepath
