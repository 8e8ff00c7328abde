"""The delay between a failed try and the next one, as Airflow 2.10 counts it."""

import hashlib
import math
from datetime import UTC, datetime, timedelta

from chalicelib.domain.graph.graph import Task

MAX_RETRY_DELAY = 24 * 60 * 60
"""Airflow's ``[core] max_task_retry_delay``, in seconds: no exponential backoff grows beyond it."""

_LATEST = datetime.max.replace(tzinfo=UTC)


def retry_at(task: Task, dag_id: str, execution_date: datetime, try_number: int, now: datetime) -> datetime:
    """When a task goes on whose try of that number ends now."""
    delay = retry_delay(task, dag_id, execution_date, try_number)
    return now + delay if delay < _LATEST - now else _LATEST


def retry_delay(task: Task, dag_id: str, execution_date: datetime, try_number: int) -> timedelta:
    """How long a task waits after its try of that number failed.

    With exponential backoff the delay doubles with each try, and so does a jitter on top of it, which
    is the same for the same try wherever it is counted.
    """
    if not task.retry_exponential_backoff:
        return task.retry_delay
    least = _least_backoff(task.retry_delay, try_number)
    # The date as Airflow reads it from its database.
    who = f"{dag_id}#{task.task_id}#{execution_date.astimezone(UTC)}#{try_number}"
    delay = timedelta(seconds=min(least + spread(who) % least, MAX_RETRY_DELAY))
    return min(delay, task.max_retry_delay) if task.max_retry_delay else delay


def spread(text: str) -> int:
    """A large number that follows from a text: jitter without chance (Airflow takes SHA-1 for it too)."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)


def _least_backoff(base: timedelta, try_number: int) -> int:
    """Whole seconds, at least 1, that a delay has by now doubled to."""
    try:
        doubled = math.ceil(base.total_seconds() * 2.0 ** (try_number - 1))
    except OverflowError:  # more than a float can hold
        return MAX_RETRY_DELAY
    return max(doubled, 1)
