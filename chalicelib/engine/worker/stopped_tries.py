"""Tries that are stopped from outside: by a task that failed beside them, or with their run."""

import logging
from collections.abc import Callable
from functools import partial

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.runs.timeout import times_out_at
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)


def watch_over(progress: RunInProgress, item: TaskInstance) -> Callable[[], str | None] | None:
    """What says, when it is asked, why the try that ``item`` shows running does not go on.

    None if nothing stops it by itself. Where a failure stops others, each question is 1 request; where the
    run's time is limited, only after that is over. (What is done by hand stops none.)
    """
    engine, graph = progress.engine, progress.graph
    if graph.fail_stop:
        return partial(_why_stopped, engine, item)
    moment = times_out_at(progress.facts.start_date, graph.dagrun_timeout)
    if moment is None:
        return None
    return lambda: _why_stopped(engine, item) if engine.now() > moment else None


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
