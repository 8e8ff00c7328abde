"""Variables of a stage as loaded DAG files see and change them, without any change on the stage."""

from collections.abc import Iterator

from chalicelib.deploy.aws_errors import error_code
from chalicelib.domain.variables import StoredVariable, Variables


class RehearsedVariables:
    """Implements ``domain.variables.Variables`` over a stage's, with changes that end with this object.

    Before the first deployment there is no table, and so no variable.
    """

    def __init__(self, standing: Variables) -> None:
        self._standing = standing
        self._changed: dict[str, StoredVariable | None] = {}

    def get(self, key: str) -> StoredVariable | None:
        """The variable as it is rehearsed; None where there is none."""
        return self._changed[key] if key in self._changed else self._get(key)

    def list(self) -> Iterator[StoredVariable]:
        """All variables as they are rehearsed."""
        for variable in self._standing.list():
            if variable.key not in self._changed:
                yield variable
        yield from (variable for variable in self._changed.values() if variable)

    def save(self, variable: StoredVariable) -> None:
        """Keep the variable in this object only."""
        self._changed[variable.key] = variable

    def delete(self, key: str) -> None:
        """Hide the variable in this object only."""
        self._changed[key] = None

    def _get(self, key: str) -> StoredVariable | None:
        from botocore.exceptions import ClientError

        try:
            return self._standing.get(key)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            return None
