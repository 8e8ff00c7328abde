"""A try that a worker is asked for, with what a test does not care about filled in."""

from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.runs.outcomes import TryRequest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def request(**changes: Any) -> TryRequest:
    fields: dict[str, Any] = {
        "dag_id": "tried",
        "fileloc": "tried.py",
        "run_id": "manual__1",
        "run_uid": "uid",
        "run_type": "manual",
        "task_id": "work",
        "map_index": -1,
        "try_number": 1,
        "max_tries": 0,
        "execution_date": NOON,
        "data_interval_start": NOON,
        "data_interval_end": NOON,
        "run_start_date": NOON,
        "start_date": NOON,
        "external_trigger": True,
    }
    return TryRequest(**{**fields, **changes})
