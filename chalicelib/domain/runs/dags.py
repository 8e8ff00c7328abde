"""DAGs as they are kept: what is known of each, and the versions of their files."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.domain.schedule.timetables import DataInterval, Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestRun:
    """The run of a DAG with the greatest execution date."""

    execution_date: datetime
    run_uid: str
    start_date: datetime | None = None
    """None: it has not started yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlteredRun:
    """A run after so many clears: what comes late of an earlier end says nothing of how it goes on."""

    run_uid: str
    clear_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dag:
    """A DAG as it is deployed, with its switch."""

    dag_id: str
    generation: int
    """Which life of the DAG this is: a deletion begins another one. Runs of other lives are invisible."""
    is_paused: bool
    version: str
    """Names the ``DagVersion`` of the deployed file."""
    fileloc: str
    """The file that defines it, relative to the DAGs folder."""
    is_active: bool = True
    """False while no deployed file defines it."""
    is_deleted: bool = False
    schedule: Schedule = field(default_factory=Schedule)
    default_start_date: datetime | None = None
    """Aware; the ``start_date`` of its ``default_args``."""
    has_params: bool = False
    """Whether its version says of params what a run's conf may be."""
    dataset_condition: DatasetCondition | None = None
    """Which changes of datasets make it run; None: none do."""
    names_datasets: bool = False
    """Whether a file of it has ever named a dataset or an alias."""
    latest_run: LatestRun | None = None
    """The run of the greatest execution date."""
    pause_changed_by: str | None = None
    """What paused or unpaused it last: a user's name, a command, or ``scheduler``."""
    paused_after: str | None = None
    """The end of a run that paused it last: that end pauses it only once."""
    paused_at: datetime | None = None
    """When it was paused last; None: it has been from the start, or never was."""
    unpaused_at: datetime | None = None
    """When it was unpaused last."""
    next_run: DataInterval | None = None
    """The data interval of the automated run that comes next (of a timetable of the user's own a
    ``PlannedRun``); None: none does, or none is known."""
    last_interval: DataInterval | None = None
    """The data interval of the automated run that was made last."""
    ask_at: datetime | None = None
    """When a timetable of the user's own is asked (again) for the next run, while none is known."""
    planning_error: str | None = None
    """Why such a timetable gave no answer when it was asked last."""
    altered_runs: frozenset[AlteredRun] = frozenset()
    """Unfinished runs whose tasks were altered by hand: the DAG's shape bounds no longer how many of their
    tasks are at work at once."""

    def is_paused_for(self, run_type: DagRunType) -> bool:
        """Whether its pause keeps runs of a type from going on; backfills go on, as in Airflow."""
        return self.is_paused and run_type is not DagRunType.BACKFILL

    def was_paused_at(self, moment: datetime) -> bool:
        """Whether it was paused at a moment, as far as its last pause tells."""
        if self.paused_at is not None and moment < self.paused_at:
            return False
        return self.is_paused or (self.unpaused_at is not None and moment < self.unpaused_at)

    def is_altered(self, run_uid: str) -> bool:
        """Whether that run is among the altered ones, after however many clears."""
        return any(run.run_uid == run_uid for run in self.altered_runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class DagVersion:
    """One content of a DAG, immutable."""

    dag_id: str
    version: str
    """A hash of document and code: equal contents are one version."""
    document: dict[str, Any]
    """The serialized DAG."""
    code: str
    """The text of its file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagImportError:
    """A DAG file that could not be loaded."""

    filename: str
    """Relative to the DAGs folder."""
    stacktrace: str
    timestamp: datetime


def sees(dag: Dag, run: DagRun) -> bool:
    """Whether a run belongs to the present life of its DAG."""
    return run.generation == dag.generation
