"""The secrets backend of ``[secrets] backend``, which is looked into before the environment; pure."""

from typing import ClassVar, Protocol

from chalicelib.domain.errors import UpdraftError


class SecretsBackendFailed(UpdraftError):
    """The secrets backend does not tell; the text names it, and says why by AWS's code or the file."""

    code: ClassVar[str] = "secrets_backend_failed"


class SecretsBackend(Protocol):
    """Where a team keeps connections, variables and options beside the engine's tables.

    Methods raise ``SecretsBackendFailed`` where the backend cannot tell.
    """

    name: str
    """The name of Airflow's class."""

    def connection(self, conn_id: str) -> str | None:
        """A connection as URI or JSON, or None."""

    def variable(self, key: str) -> str | None:
        """A variable's text, or None."""

    def option(self, key: str) -> str | None:
        """The text of an option that a setting ``…_SECRET`` names, or None."""
