"""Loading DAG files against a stage without changing it: what they do to variables is only rehearsed."""

from collections.abc import Iterator

from chalicelib.deploy.aws_errors import error_code
from chalicelib.domain.variables import StoredVariable, Variables


class RehearsedVariables:
    """Implements ``dag.ports.Variables``: those of the stage, with changes that end with this object.

    Before the first deployment there is no table, and so no variable.
    """

    def __init__(self, standing: Variables) -> None:
        self._standing = standing
        self._changed: dict[str, StoredVariable | None] = {}

    def get(self, key: str) -> StoredVariable | None:
        """See the port."""
        return self._changed[key] if key in self._changed else self._get(key)

    def list(self) -> Iterator[StoredVariable]:
        """See the port."""
        for variable in self._standing.list():
            if variable.key not in self._changed:
                yield variable
        yield from (variable for variable in self._changed.values() if variable)

    def save(self, variable: StoredVariable) -> None:
        """See the port."""
        self._changed[variable.key] = variable

    def delete(self, key: str) -> None:
        """See the port."""
        self._changed[key] = None

    def _get(self, key: str) -> StoredVariable | None:
        from botocore.exceptions import ClientError

        try:
            return self._standing.get(key)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return None
