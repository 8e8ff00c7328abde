"""Variables of DAG files."""

from collections.abc import Iterator

from chalicelib.domain.variables import StoredVariable
from chalicelib.store.dynamodb.models import VariableItem
from chalicelib.store.dynamodb.tables import Tables


class DynamoVariables:
    """Implements ``domain.variables.Variables``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.variables

    def get(self, key: str) -> StoredVariable | None:
        item = self._table.get(key)
        return _as_variable(item) if item else None

    def list(self) -> Iterator[StoredVariable]:
        return (_as_variable(item) for item in self._table.scan())

    def save(self, variable: StoredVariable) -> None:
        self._table.put(VariableItem(variable.key, value=variable.value, description=variable.description))

    def delete(self, key: str) -> None:
        self._table.delete([key])


def _as_variable(item: VariableItem) -> StoredVariable:
    return StoredVariable(key=item.key, value=item.value, description=item.description)
