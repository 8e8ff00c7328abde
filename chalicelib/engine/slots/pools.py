"""Pools as clients see them: made, changed and read."""

from collections.abc import Callable, Iterator

from chalicelib.domain.errors import InvalidRequest, PoolNotFound, StoreUnavailable
from chalicelib.domain.idempotency import IdempotencyKey
from chalicelib.domain.messages import WakePool
from chalicelib.domain.runs.dag_runs import new_id
from chalicelib.domain.slots.limits import is_reserved
from chalicelib.domain.slots.pools import DEFAULT_POOL, DEFAULT_POOL_SLOTS, Pool
from chalicelib.engine.engine import Engine
from chalicelib.engine.once import Once, earlier_answer


def get_pool(engine: Engine, name: str) -> Pool:
    """The pool; raises ``PoolNotFound``. 1 request."""
    pool = None if is_reserved(name) else engine.store.pools.get(name)
    if pool is None:
        raise PoolNotFound(name)
    return pool


def list_pools(engine: Engine) -> Iterator[Pool]:
    """All pools, in no fixed order. 1 request per MB."""
    return (pool for pool in engine.store.pools.list() if not is_reserved(pool.name))


def save_pool(
    engine: Engine, *, name: str, slots: int, description: str | None, include_deferred: bool = False
) -> Pool:
    """Create the pool or change the one of that name (its id stays); waiting tasks are looked at.

    Raises ``InvalidRequest`` for a name that is reserved.
    """
    pool = engine.store.pools.save(_pool(engine, name, slots, description, include_deferred))
    _wake(engine, name)
    return pool


def save_pool_once(
    engine: Engine,
    *,
    name: str,
    slots: int,
    description: str | None,
    include_deferred: bool,
    key: IdempotencyKey,
    answer: Callable[[Pool], str],
) -> Once[Pool]:
    """Save the pool as ``save_pool`` does, unless that was done under this key: the first answer either way.

    ``answer`` makes it of the pool as it became. Raises ``IdempotencyKeyReused``. 2 requests, and 1 more
    when the key has an answer.
    """
    now = engine.now()
    pool = _pool(engine, name, slots, description, include_deferred)
    saved = engine.store.pools.save_once(pool, lambda becoming: key.keeping(answer(becoming), now))
    given = answer(saved) if saved else earlier_answer(engine, key)
    if given is None:
        raise StoreUnavailable("the answer of an idempotency key expired while it was read")
    # Also when the pool was saved before: the message may have been lost with the answer.
    _wake(engine, name)
    return Once(answer=given, made=saved)


def _pool(engine: Engine, name: str, slots: int, description: str | None, include_deferred: bool) -> Pool:
    """The pool as it is wanted, with the id that it gets if it is new; raises ``InvalidRequest``."""
    if is_reserved(name):
        raise InvalidRequest("Pool name can't begin with a NUL character")
    return Pool(
        name=name,
        slots=slots,
        description=description,
        include_deferred=include_deferred,
        id=new_id(engine.now(), engine.entropy),
    )


def _wake(engine: Engine, name: str) -> None:
    engine.send(WakePool(pool=name))


def delete_pool(engine: Engine, name: str) -> Pool:
    """Delete the pool; the one that was. Raises ``PoolNotFound``, ``InvalidRequest`` (``default_pool``).

    What runs in it goes on; what waits for it waits until there is a pool of that name again.
    """
    if name == DEFAULT_POOL:
        raise InvalidRequest(f"{DEFAULT_POOL} cannot be deleted")
    pool = None if is_reserved(name) else engine.store.pools.delete(name)
    if pool is None:
        raise PoolNotFound(name)
    return pool


def ensure_default_pool(engine: Engine) -> None:
    """Create Airflow's ``default_pool`` unless it is there; one that was changed stays as it is."""
    if engine.store.pools.get(DEFAULT_POOL) is None:
        save_pool(engine, name=DEFAULT_POOL, slots=DEFAULT_POOL_SLOTS, description="Default pool")
