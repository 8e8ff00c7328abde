"""``airflow.api.client.local_client``: the commands over the stores, by the engine's use cases."""

from typing import TYPE_CHECKING, Any

from chalicelib.cli.client.protocol import PoolArguments, Shown, TriggerArguments
from chalicelib.cli.engine import CALLER

if TYPE_CHECKING:
    from chalicelib.domain.runs.dag_runs import DagRun
    from chalicelib.domain.slots.pools import Pool
    from chalicelib.engine.engine import Engine


class LocalClient:
    """Implements ``Client`` over the stores."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def trigger_dag(self, wanted: TriggerArguments) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.runs.create import RunRequest, create_run

        date = wanted.execution_date or self._engine.now()
        request = RunRequest(
            dag_id=wanted.dag_id,
            execution_date=date.replace(microsecond=0) if wanted.replace_microseconds else date,
            is_undated=wanted.execution_date is None,
            triggered_by=CALLER,
            run_id=wanted.run_id,
            conf=wanted.conf,
        )
        return _run_shown(create_run(self._engine, request), wanted.conf)

    def delete_dag(self, dag_id: str) -> str:
        """See ``Client``."""
        from chalicelib.engine.upkeep.deletion import delete_dag

        return f"Removed {delete_dag(self._engine, dag_id)} record(s)"

    def get_pool(self, name: str) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.slots.pools import get_pool

        return _pool_shown(get_pool(self._engine, name))

    def get_pools(self) -> list[Shown]:
        """See ``Client``."""
        from chalicelib.engine.slots.pools import list_pools

        return [_pool_shown(pool) for pool in sorted(list_pools(self._engine), key=lambda pool: pool.name)]

    def create_pool(self, wanted: PoolArguments) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.slots.pools import save_pool

        saved = save_pool(
            self._engine,
            name=wanted.name,
            slots=wanted.slots,
            description=wanted.description,
            include_deferred=wanted.include_deferred,
        )
        return _pool_shown(saved)

    def delete_pool(self, name: str) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.slots.pools import delete_pool

        return _pool_shown(delete_pool(self._engine, name))


def _pool_shown(pool: "Pool") -> Shown:
    return {
        "pool": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
    }


def _run_shown(run: "DagRun", conf: dict[str, Any]) -> Shown:
    """The fields of Airflow's local client, as far as there is something to say at this moment.

    Dates are as Airflow prints them here: with a space, elsewhere with a ``T``.
    """
    return {
        "conf": conf,
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "data_interval_start": str(run.data_interval_start),
        "data_interval_end": str(run.data_interval_end),
        "external_trigger": run.external_trigger,
        "logical_date": str(run.execution_date),
        "run_type": str(run.run_type),
        "state": str(run.state),
    }
