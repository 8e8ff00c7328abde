"""``BaseSecretsBackend``: the base of secrets backends of provider packages and of the user's.

Their classes can be imported, made and asked. What connections and variables are looked for in is decided
by ``[secrets] backend`` alone, whose kinds ``deploy`` and the engine know.
"""

from chalicelib.authoring.surroundings.connections import Connection


class BaseSecretsBackend:
    """Base of secrets backends; a subclass says where the text of a connection or variable is."""

    @staticmethod
    def build_path(path_prefix: str, secret_id: str, sep: str = "/") -> str:
        """The name of a secret under a prefix."""
        return f"{path_prefix}{sep}{secret_id}"

    def get_conn_value(self, conn_id: str) -> str | None:
        """The text of a connection, URI or JSON; for subclasses to say."""
        raise NotImplementedError

    def get_conn_uri(self, conn_id: str) -> str | None:
        """The same by its older name."""
        raise NotImplementedError

    def deserialize_connection(self, conn_id: str, value: str) -> Connection:
        """The connection of such a text; raises as ``Connection.from_text``."""
        return Connection.from_text(conn_id, value)

    def get_connection(self, conn_id: str) -> Connection | None:
        """The connection of that id, or None; raises ``NotImplementedError`` where no text is said."""
        try:
            value = self.get_conn_value(conn_id=conn_id)
        except NotImplementedError:
            value = self.get_conn_uri(conn_id=conn_id)
        return self.deserialize_connection(conn_id=conn_id, value=value) if value else None

    def get_connections(self, conn_id: str) -> list[Connection]:
        """The connection in a list, which is empty without one; 1.10's way."""
        connection = self.get_connection(conn_id=conn_id)
        return [] if connection is None else [connection]

    def get_variable(self, key: str) -> str | None:
        """The text of a variable; for subclasses to say."""
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:  # noqa: ARG002 - Airflow's signature
        """The text of an option: none unless a subclass says one."""
        return None
