"""Lineage."""

from collections.abc import Iterator, Sequence

from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.tasks.keys import parse_task_key, task_key
from chalicelib.store.dynamodb.models import LineageItem
from chalicelib.store.dynamodb.tables import Tables


class DynamoLineage:
    """Implements ``engine.ports.store.Lineage``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.lineage

    def save(
        self, run_uid: str, task_id: str, map_index: int, inlets: Sequence[str], outlets: Sequence[str]
    ) -> None:
        """1 request."""
        key = task_id if map_index == NOT_MAPPED else task_key(task_id, map_index)
        self._table.put(LineageItem(run_uid, key, inlets=tuple(inlets), outlets=tuple(outlets)))

    def list(self, run_uid: str) -> Iterator[tuple[str, int, Sequence[str], Sequence[str]]]:
        """1 request per MB."""
        items = self._table.query(LineageItem.run_uid == run_uid)
        return ((*_instance(item.task_id), item.inlets, item.outlets) for item in items)

    def delete_run(self, run_uid: str) -> None:
        """1 request per MB, and 1 per 25 task instances."""
        self._table.delete_query(LineageItem.run_uid == run_uid)


def _instance(key: str) -> tuple[str, int]:
    return parse_task_key(key) if "#" in key else (key, NOT_MAPPED)
