"""What one try of a task came to, as the worker reports it to the engine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.domain.json_codec import NOT_SENT
from chalicelib.domain.runs.dag_runs import DagRun

MAX_REASON_LENGTH = 500
"""Characters kept of an exception's text as the reason of an outcome."""


class TryResult(StrEnum):
    """How user code ended."""

    SUCCESS = "success"
    """It returned."""
    SKIPPED = "skipped"
    """It raised AirflowSkipException, or a shell command exited with its skip code."""
    FAILED = "failed"
    """It raised; the task's own retries decide whether there is another try."""
    FAILED_FOR_GOOD = "failed_for_good"
    """It raised AirflowFailException, or can never work; no further try."""
    RESCHEDULED = "rescheduled"
    """A sensor's poke did not find what it waits for, or a task asked to be run again later."""
    REMOVED = "removed"
    """The deployed DAG file has no such task (or no such DAG) any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TryOutcome:
    """The end of one try.

    ``skip`` names the tasks downstream that this task orders to be skipped (a branch not taken);
    ``inlets`` and ``outlets`` are the rendered lineage entities as serialized texts.

    A rescheduled try goes on at ``reschedule_date``, after ``pokes`` more pokes in vain, and meanwhile
    ``keeps_slots`` (a sensor in mode ``poke``) or gives them back (mode ``reschedule``).
    """

    result: TryResult
    reason: str = ""
    skip: frozenset[str] = frozenset()
    inlets: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    reschedule_date: datetime | None = None
    pokes: int = 1
    keeps_slots: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TryRequest:
    """Which try of which task is to run, with what its code may know of the run.

    ``fileloc`` is the deployed file of the DAG, relative to the DAGs folder. All datetimes are aware,
    in UTC. ``conf`` is the run's conf (``{}`` where none was given). ``find_previous_success`` finds the
    DAG's last successful run before this one (None: there is none), by a request.

    ``time_left`` is what its invocation still has when the request is made; None: no end is known.

    Of a sensor: how many ``pokes`` of the try were in vain, what its timeout is counted from, and whether
    the try ``goes_on`` after a sleep (it kept its slots, and is not to begin anew).
    """

    dag_id: str
    fileloc: str
    run_id: str
    run_uid: str
    run_type: str
    task_id: str
    map_index: int
    try_number: int
    max_tries: int
    execution_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    run_start_date: datetime
    start_date: datetime
    external_trigger: bool
    conf: dict[str, Any] = field(default_factory=dict)
    pokes: int = 0
    first_poke_at: datetime | None = None
    goes_on: bool = False
    find_previous_success: Callable[[], DagRun | None] = field(
        default=lambda: None, repr=False, compare=False, metadata=NOT_SENT
    )
    time_left: timedelta | None = field(default=None, compare=False, metadata=NOT_SENT)
