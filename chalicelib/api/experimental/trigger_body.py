"""``TriggerBody``: the body of a trigger, as clients of Airflow 1.10 and 2.10 send it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.api.http import bodies
from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import InvalidRequest

_YES = frozenset({"1", "on", "t", "true", "y", "yes"})


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerBody:
    """The run that a client asks for."""

    execution_date: datetime
    """The execution date, with the offset as it was sent; now if none was."""
    is_undated: bool
    """Whether none was sent."""
    run_id: str | None
    """The run id; None: it is made from the execution date."""
    conf: dict[str, Any]


def read(request: Request, now: datetime) -> TriggerBody:
    """The body, checked in Airflow's order; raises ``InvalidRequest``. Unknown fields are ignored."""
    fields = bodies.json_object(request)
    conf = _conf(fields.get("conf"))
    given = _given_date(fields.get("execution_date"))
    # Without a word on it, the microseconds of a given date are kept and those of now are cut.
    cut = _is_yes(fields["replace_microseconds"]) if "replace_microseconds" in fields else given is None
    date = given or now
    return TriggerBody(
        execution_date=date.replace(microsecond=0) if cut else date,
        is_undated=given is None,
        run_id=_run_id(fields.get("run_id")),
        conf=conf,
    )


def _conf(value: Any) -> dict[str, Any]:
    """An object, null for none (every 1.10 client sends it), or JSON text (its command line does)."""
    if value is None:
        return {}
    conf = _decoded(value) if isinstance(value, str) else value
    if not isinstance(conf, dict) or bodies.nests_too_deeply(conf):
        raise InvalidRequest("Dag Run conf must be a dictionary object, other types are not supported")
    return conf


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # as little an object as any other text


def _given_date(value: Any) -> datetime | None:
    if value is None:
        return None
    from chalicelib.engine.runs.execution_dates import execution_date, not_a_date

    if not isinstance(value, str):
        raise not_a_date(json.dumps(value))
    return execution_date(value)


def _is_yes(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str):
        raise InvalidRequest("replace_microseconds must be true or false, as a boolean or as a text")
    return value.lower() in _YES


def _run_id(value: Any) -> str | None:
    """Airflow takes what Python calls false (``""``, 0, ``[]``) for no run id."""
    if not value:
        return None
    if not isinstance(value, str):
        raise InvalidRequest("run_id must be a text")
    return value
