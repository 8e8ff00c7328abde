"""Lineage."""

from collections.abc import Iterator, Sequence

from chalicelib.store.dynamodb.models import LineageItem
from chalicelib.store.dynamodb.tables import Tables


class DynamoLineage:
    """Implements ``engine.ports.store.Lineage``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.lineage

    def save(self, run_uid: str, task_id: str, inlets: Sequence[str], outlets: Sequence[str]) -> None:
        """1 request."""
        self._table.put(LineageItem(run_uid, task_id, inlets=tuple(inlets), outlets=tuple(outlets)))

    def list(self, run_uid: str) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
        """1 request per MB."""
        items = self._table.query(LineageItem.run_uid == run_uid)
        return ((item.task_id, item.inlets, item.outlets) for item in items)

    def delete_run(self, run_uid: str) -> None:
        """1 request per MB, and 1 per 25 tasks."""
        self._table.delete_query(LineageItem.run_uid == run_uid)
