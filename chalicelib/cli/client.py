"""Airflow's API clients: what its command line did through ``[cli] api_client``.

``airflow.api.client.local_client`` speaks to the stores directly, ``airflow.api.client.json_client`` to
the API at ``[cli] endpoint_url``, whose path is kept (Airflow's own client drops it).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.cli.configuration import JSON_CLIENT, LOCAL_CLIENT, Configuration
from chalicelib.cli.connection import CALLER, connect
from chalicelib.settings import SettingError

if TYPE_CHECKING:
    from chalicelib.domain.dag_runs import DagRun
    from chalicelib.domain.pools import Pool
    from chalicelib.engine.core import Engine

Shown = dict[str, Any]
"""A row for people: a pool, or what came of a trigger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerArguments:
    """What ``dags trigger`` takes; ``execution_date`` None is now."""

    dag_id: str
    run_id: str | None
    conf: dict[str, Any]
    execution_date: datetime | None
    replace_microseconds: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolArguments:
    """What ``pools set`` takes."""

    name: str
    slots: int
    description: str
    include_deferred: bool = False


class Client(Protocol):
    """The commands that Airflow sent through the API. All raise ``UpdraftError``."""

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


def current_client() -> Client:
    """The client that ``[cli] api_client`` names; raises ``SettingError`` for one that is not known."""
    configuration = Configuration.read()
    name = configuration.get("cli", "api_client")
    if name == LOCAL_CLIENT:
        return LocalClient(connect())
    if name == JSON_CLIENT:
        from chalicelib.cli.json_client import JsonClient

        endpoint_url = configuration.get("cli", "endpoint_url") or ""
        return JsonClient(endpoint_url, kerberos=_has_kerberos(configuration))
    raise SettingError(f"[cli] api_client is {name!r}; it takes {LOCAL_CLIENT} or {JSON_CLIENT}")


def _has_kerberos(configuration: Configuration) -> bool:
    """Whether requests carry tickets: by 1.10's ``[api] auth_backend``, or one of 2.x's ``auth_backends``."""
    single, several = (configuration.get("api", option) for option in ("auth_backend", "auth_backends"))
    backends = ",".join(filter(None, (single, several))).split(",")
    return any(backend.strip().endswith(".kerberos_auth") for backend in backends)


class LocalClient:
    """Implements ``Client`` over the stores."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def trigger_dag(self, wanted: TriggerArguments) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.trigger import TriggerRequest, trigger

        date = wanted.execution_date or self._engine.now()
        request = TriggerRequest(
            dag_id=wanted.dag_id,
            execution_date=date.replace(microsecond=0) if wanted.replace_microseconds else date,
            triggered_by=CALLER,
            run_id=wanted.run_id,
            conf=wanted.conf,
        )
        return _run_shown(trigger(self._engine, request), wanted.conf)

    def delete_dag(self, dag_id: str) -> str:
        """See ``Client``."""
        from chalicelib.engine.deletion import delete_dag

        return f"Removed {delete_dag(self._engine, dag_id)} record(s)"

    def get_pool(self, name: str) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.pools import get_pool

        return _pool_shown(get_pool(self._engine, name))

    def get_pools(self) -> list[Shown]:
        """See ``Client``."""
        from chalicelib.engine.pools import list_pools

        return [_pool_shown(pool) for pool in sorted(list_pools(self._engine), key=lambda pool: pool.name)]

    def create_pool(self, wanted: PoolArguments) -> Shown:
        """See ``Client``."""
        from chalicelib.engine.pools import save_pool

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
        from chalicelib.engine.pools import delete_pool

        return _pool_shown(delete_pool(self._engine, name))


def _pool_shown(pool: "Pool") -> Shown:
    return {
        "pool": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
    }


def _run_shown(run: "DagRun", conf: dict[str, Any]) -> Shown:
    """The fields of Airflow's local client, as far as there is something to say at this moment."""
    return {
        "conf": conf,
        "dag_id": run.dag_id,
        "dag_run_id": run.run_id,
        "data_interval_start": run.data_interval_start.isoformat(),
        "data_interval_end": run.data_interval_end.isoformat(),
        "external_trigger": run.external_trigger,
        "logical_date": run.execution_date.isoformat(),
        "run_type": str(run.run_type),
        "state": str(run.state),
    }
