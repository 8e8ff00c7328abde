"""Views of ``/pools``: the list of pools, and one pool, which can be saved and deleted."""

from collections.abc import Mapping
from typing import Any, TypedDict

from chalicelib import bootstrap
from chalicelib.api.http import bodies, storable
from chalicelib.api.http.idempotency import idempotency_key
from chalicelib.api.http.request_and_reply import Reply, Request, json_reply, json_text
from chalicelib.domain.errors import InvalidRequest, PoolNotFound, excerpt
from chalicelib.domain.slots.pools import Pool

_FIELDS = frozenset({"name", "slots", "description"})
_LONGEST_NAME = 256
_SLOTS = range(-(2**31), 2**31)
"""The range of Airflow's column."""
_LONGEST_DESCRIPTION = 16 * 1024
"""Bytes; a pool's item is read and written with every task that needs slots, and stays small."""


def pool(request: Request) -> Reply:
    """Shows one pool."""
    from chalicelib.engine.slots.pools import get_pool

    return json_reply(_shown(get_pool(bootstrap.engine(), _pool_name(request))))


def pools(_request: Request) -> Reply:
    """Lists all pools, in no fixed order."""
    from chalicelib.engine.slots.pools import list_pools

    return json_reply([_shown(found) for found in list_pools(bootstrap.engine())])


def save(request: Request) -> Reply:
    """Creates a pool, or changes the one of that name; with an ``Idempotency-Key``, once."""
    from chalicelib.engine.slots import pools as engine_pools

    key = idempotency_key(request, "POST /pools")
    wanted = _wanted(request)
    engine = bootstrap.engine()
    if key is None:
        saved = engine_pools.save_pool(engine, **wanted)
        return json_reply(_shown(saved), change=_change(saved))
    once = engine_pools.save_pool_once(
        engine, **wanted, key=key, answer=lambda saved: json_text(_shown(saved))
    )
    return Reply(text=once.answer, change=_change(once.made) if once.made else None)


class _PoolFields(TypedDict):
    name: str
    slots: int
    description: str | None
    include_deferred: bool


def _wanted(request: Request) -> _PoolFields:
    fields = bodies.json_object(request)
    missing = sorted(_FIELDS - fields.keys())
    if missing:
        raise InvalidRequest(f"Missing in the body: {', '.join(missing)}")
    name = _name(fields["name"])
    slots = _slots(fields["slots"])
    if len(name) > _LONGEST_NAME:  # Airflow looks at the slots first
        raise InvalidRequest(f"Pool name can't be more than {_LONGEST_NAME} characters")
    return _PoolFields(
        name=name,
        slots=slots,
        description=_description(fields["description"]),
        include_deferred=_include_deferred(fields),
    )


def delete(request: Request) -> Reply:
    """Deletes a pool and shows it as it was."""
    from chalicelib.engine.slots.pools import delete_pool

    deleted = delete_pool(bootstrap.engine(), _pool_name(request))
    return json_reply(_shown(deleted), change={"pool": deleted.name, "deleted": True})


def _pool_name(request: Request) -> str:
    """The pool's name in the path; raises ``InvalidRequest`` if it is blank, or ``PoolNotFound``."""
    name = request.path["name"]
    if not name.strip():
        raise InvalidRequest("Pool name shouldn't be empty")
    if not storable.is_storable_as_key(name):
        raise PoolNotFound(name)
    return name


def _change(pool: Pool) -> dict[str, object]:
    return {"pool": pool.name, "slots": pool.slots, "include_deferred": pool.include_deferred}


def _shown(pool: Pool) -> dict[str, Any]:
    return {
        "id": pool.id,
        "pool": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
    }


def _name(value: Any) -> str:
    # Airflow takes what Python calls false (0, false, []) for no name.
    if not value or (isinstance(value, str) and not value.strip()):
        raise InvalidRequest("Pool name shouldn't be empty")
    if not isinstance(value, str) or not storable.is_storable(value):
        raise InvalidRequest("name must be a text that can be written in UTF-8, without NUL characters")
    return value


def _slots(value: Any) -> int:
    """Whatever Python's ``int()`` takes, as in Airflow: 2.7, true, ``" 8 "``."""
    if not isinstance(value, str | int | float):
        raise InvalidRequest("slots must be a number")
    try:
        slots = int(value)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"Bad value for `slots`: {excerpt(str(value))}") from None
    if slots not in _SLOTS:
        raise InvalidRequest(f"slots must be between {_SLOTS.start} and {_SLOTS.stop - 1}")
    return slots


def _description(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not storable.is_storable(value):
        raise InvalidRequest("description must be a text that can be written in UTF-8, or null")
    if len(value.encode()) > _LONGEST_DESCRIPTION:
        raise InvalidRequest(f"description must not be longer than {_LONGEST_DESCRIPTION} bytes")
    return value


def _include_deferred(fields: Mapping[str, Any]) -> bool:
    value = fields.get("include_deferred", False)
    if not isinstance(value, bool):
        raise InvalidRequest("include_deferred must be a boolean")
    return value
