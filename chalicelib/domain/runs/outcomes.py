"""The request of a try, and its outcome as the worker reports it to the engine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import prod
from typing import Any

from chalicelib.domain.json_codec import NOT_SENT
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.dataset_lookup import DatasetLookup, NoDatasets
from chalicelib.domain.runs.deferrals import Deferral, Deferring
from chalicelib.domain.runs.other_runs import NoOtherRuns, OtherRuns
from chalicelib.domain.states import TaskInstanceState

MAX_REASON_LENGTH = 500
"""Characters kept of an exception's text as the reason of an outcome."""

MAX_ERROR_LENGTH = 32_000
"""Characters kept of an exception for callbacks: its class, its text."""


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
    DEFERRED = "deferred"
    """It waits for a trigger, and goes on then."""
    REMOVED = "removed"
    """The deployed DAG file has no such task (or no such DAG) any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TryOutcome:
    """The end of one try."""

    result: TryResult
    reason: str = ""
    """For people; empty where there is nothing to say."""
    error: str | None = None
    """Of a failure that callbacks are to be told of: what was kept of the exception."""
    skip: frozenset[str] = frozenset()
    """The tasks downstream that this task orders to be skipped (a branch not taken)."""
    inlets: tuple[str, ...] = ()
    """Rendered lineage entities, as serialized texts."""
    outlets: tuple[str, ...] = ()
    """Rendered lineage entities, as serialized texts."""
    reschedule_date: datetime | None = None
    """The moment when a rescheduled try goes on."""
    pokes: int = 1
    """Of a rescheduled try: how many more pokes were in vain."""
    keeps_slots: bool = False
    """Whether a rescheduled try keeps its slots (a sensor in mode ``poke``) or gives them back."""
    output_length: int | None = None
    """Where tasks are mapped over its output: the length of what it returned; of a mapped instance 1 if it
    returned a value, else 0."""
    rendered_map_index: str | None = None
    """What ``map_index_template`` makes of the instance: its name for people."""
    deferring: Deferring | None = None
    """Of a deferred try: the trigger that it waits for, and how it goes on then."""
    dataset_changes: tuple[DatasetChange, ...] = ()
    """Of a success: what it has changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceFacts:
    """What code of a run may know of one of its task instances. Datetimes are aware, in UTC."""

    task_id: str
    map_index: int
    state: TaskInstanceState | None
    try_number: int
    max_tries: int
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    duration: float | None = None
    """In seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TryRequest:
    """Which try of which task is to run, with what its code may know of the run.

    Datetimes are aware, in UTC.
    """

    dag_id: str
    fileloc: str
    """The deployed file of the DAG, relative to the DAGs folder."""
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
    is_undated: bool = False
    """Whether nobody gave the run a date; the tasks of Airflow 3's DAGs then see none."""
    queued_at: datetime | None = None
    """When the try was queued."""
    conf: dict[str, Any] = field(default_factory=dict)
    """The run's conf; ``{}`` where none was given."""
    map_levels: tuple[int, ...] = ()
    """Of an instance of an expanded task: the lengths that the task is expanded over, outermost first.

    It is one unless the task stands in mapped groups inside one another."""
    has_gaps: bool = True
    """Of an instance of a mapped task: whether a mapped task that it is mapped over may have instances
    without a value. If not, an item of such an output is that of the same map index: one request finds it."""
    pokes: int = 0
    """Of a sensor: how many pokes of the try were in vain."""
    first_poke_at: datetime | None = None
    """Of a sensor: the moment from which its timeout is counted."""
    goes_on: bool = False
    """Of a sensor: whether the try goes on after a sleep (it kept its slots, and is not to begin anew)."""
    deferral: Deferral | None = None
    """Of a try that was deferred: by what it goes on."""
    find_previous_success: Callable[[], DagRun | None] = field(
        default=lambda: None, repr=False, compare=False, metadata=NOT_SENT
    )
    """Finds the DAG's last successful run before this one (None: there is none), by a request."""
    find_task_instances: Callable[[], tuple[InstanceFacts, ...]] = field(
        default=lambda: (), repr=False, compare=False, metadata=NOT_SENT
    )
    """Finds the task instances of the run as they are now, by a request per MB of them."""
    datasets: DatasetLookup = field(default_factory=NoDatasets, repr=False, compare=False, metadata=NOT_SENT)
    """Datasets and their events."""
    other_runs: OtherRuns = field(default_factory=NoOtherRuns, repr=False, compare=False, metadata=NOT_SENT)
    """The runs of other DAGs."""
    why_stopped: Callable[[], str | None] | None = field(
        default=None, repr=False, compare=False, metadata=NOT_SENT
    )
    """Finds why the try was stopped from outside (None: it goes on), by a request; None: nothing stops it."""
    time_left: timedelta | None = field(default=None, compare=False, metadata=NOT_SENT)
    """What its invocation still has when the request is made; None: no end is known."""

    @property
    def map_length(self) -> int | None:
        """Of an instance of an expanded task: how many instances there are."""
        return prod(self.map_levels) if self.map_levels else None
