"""``Client``: the calls that Airflow's command line makes through ``[cli] api_client``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Shown = dict[str, Any]
"""A row for people: a pool, or what came of a trigger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerArguments:
    """The arguments of ``dags trigger``."""

    dag_id: str
    run_id: str | None
    conf: dict[str, Any]
    execution_date: datetime | None
    """None is now."""
    replace_microseconds: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolArguments:
    """The arguments of ``pools set``."""

    name: str
    slots: int
    description: str
    include_deferred: bool = False


class Client(Protocol):
    """The commands that Airflow sent through the API. All raise ``UpdraftError`` and ``StoreUnavailable``."""

    def trigger_dag(self, wanted: TriggerArguments) -> Shown:
        """Trigger a run."""

    def delete_dag(self, dag_id: str) -> str:
        """Delete a DAG with its runs; what to tell the user."""

    def get_pool(self, name: str) -> Shown:
        """One pool."""

    def get_pools(self) -> list[Shown]:
        """All pools."""

    def create_pool(self, wanted: PoolArguments) -> Shown:
        """Create or change a pool."""

    def delete_pool(self, name: str) -> Shown:
        """Delete a pool; the one that was."""
