"""Making, changing and reading pools."""

from collections.abc import Iterator

from chalicelib.domain.dag_runs import new_id
from chalicelib.domain.errors import PoolNotFound
from chalicelib.domain.messages import Outgoing, WakePool
from chalicelib.domain.pools import DEFAULT_POOL, DEFAULT_POOL_SLOTS, Pool
from chalicelib.engine.core import Engine


def get_pool(engine: Engine, name: str) -> Pool:
    """The pool; raises ``PoolNotFound``. 1 request."""
    pool = engine.store.pools.get(name)
    if pool is None:
        raise PoolNotFound(name)
    return pool


def list_pools(engine: Engine) -> Iterator[Pool]:
    """All pools, in no fixed order. 1 request per MB."""
    return engine.store.pools.list()


def save_pool(
    engine: Engine, *, name: str, slots: int, description: str | None, include_deferred: bool = False
) -> Pool:
    """Create the pool or change the one of that name (its id stays); waiting tasks are looked at."""
    pool = engine.store.pools.save(
        Pool(
            name=name,
            slots=slots,
            description=description,
            include_deferred=include_deferred,
            id=new_id(engine.now(), engine.entropy),
        )
    )
    engine.sender.send([Outgoing(message=WakePool(pool=name))])
    return pool


def ensure_default_pool(engine: Engine) -> None:
    """Create Airflow's ``default_pool`` unless it is there; one that was changed stays as it is."""
    if engine.store.pools.get(DEFAULT_POOL) is None:
        save_pool(engine, name=DEFAULT_POOL, slots=DEFAULT_POOL_SLOTS, description="Default pool")
