"""Tries that are stopped from outside: by a task that failed beside them, with their run, or by hand."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.runs.timeout import times_out_at
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)


ASKED_EVERY = timedelta(seconds=5)
"""How often it is asked whether a try was marked or cleared by hand: as often as Airflow's tasks ask
(``job_heartbeat_sec``). Most tries are over before."""


def watch_over(progress: RunInProgress, item: TaskInstance) -> Callable[[], str | None]:
    """What says, when it is asked, why the try that ``item`` shows running does not go on.

    Each question is 1 request where a failure stops others, or the time of the run is over; else one in five
    seconds is.
    """
    engine, graph = progress.engine, progress.graph
    if graph.fail_stop:
        return partial(_why_stopped, engine, item)
    ends_at = times_out_at(progress.facts.start_date, graph.dagrun_timeout)
    return _Question(engine=engine, item=item, ends_at=ends_at, asked_at=engine.now()).why_stopped


@dataclass(slots=True)
class _Question:
    """Whether a try goes on, asked not too often."""

    engine: Engine
    item: TaskInstance
    ends_at: datetime | None
    """When the time of its run is over."""
    asked_at: datetime

    def why_stopped(self) -> str | None:
        now = self.engine.now()
        is_over = self.ends_at is not None and now > self.ends_at
        if not is_over and now - self.asked_at < ASKED_EVERY:
            return None
        self.asked_at = now
        return _why_stopped(self.engine, self.item)


def _why_stopped(engine: Engine, item: TaskInstance) -> str | None:
    """Why a try does not go on that ``item`` shows running; None if it does, or if that is not known now.

    1 request.
    """
    try:
        now = engine.store.task_instances.get(item.run_uid, item.key)
    except StoreUnavailable:
        log.info("whether try %s of %s goes on is asked again", item.try_number, item.key, exc_info=True)
        return None
    if now is None:
        return "its run is gone"
    if now.state is TaskInstanceState.RUNNING and now.lease_token == item.lease_token:
        return None
    return now.reason or f"it is {now.state or 'cleared'}"
