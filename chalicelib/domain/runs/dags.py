"""DAGs as they are kept: what is known of each, and the versions of their files."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.schedule.timetables import DataInterval, Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestRun:
    """The run of a DAG with the greatest execution date; ``start_date`` None: it has not started yet."""

    execution_date: datetime
    run_uid: str
    start_date: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlteredRun:
    """A run after so many clears: what comes late of an earlier end says nothing of how it goes on."""

    run_uid: str
    clear_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dag:
    """A DAG. Deleting it bumps ``generation``; runs of another generation are invisible.

    ``is_active`` is false while no deployed file defines it; ``pause_changed_by`` says what paused or
    unpaused it last; ``fileloc`` is relative to the DAGs folder. ``next_run`` is the data interval of the
    automated run that comes next (None: none does), ``last_interval`` that of the last one made.
    ``altered_runs`` are unfinished runs whose tasks were altered by hand, so that the DAG's shape no longer
    bounds how many of them are at work at once.
    """

    dag_id: str
    generation: int
    is_paused: bool
    version: str
    fileloc: str
    is_active: bool = True
    is_deleted: bool = False
    schedule: Schedule = field(default_factory=Schedule)
    default_start_date: datetime | None = None
    latest_run: LatestRun | None = None
    pause_changed_by: str | None = None
    next_run: DataInterval | None = None
    last_interval: DataInterval | None = None
    altered_runs: frozenset[AlteredRun] = frozenset()

    def is_altered(self, run_uid: str) -> bool:
        """Whether that run is among the altered ones, after however many clears."""
        return any(run.run_uid == run_uid for run in self.altered_runs)


@dataclass(frozen=True, kw_only=True, slots=True)
class DagVersion:
    """One content of a DAG, immutable: its serialized form and its file's text.

    ``version`` is a hash of both, so equal contents are one version.
    """

    dag_id: str
    version: str
    document: dict[str, Any]
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DagImportError:
    """A DAG file that could not be loaded; ``filename`` is relative to the DAGs folder."""

    filename: str
    stacktrace: str
    timestamp: datetime


def sees(dag: Dag, run: DagRun) -> bool:
    """Whether a run belongs to the present life of its DAG."""
    return run.generation == dag.generation


def holds_back(dag: Dag, run_type: DagRunType) -> bool:
    """Whether the DAG's pause keeps a run from going on; a backfill does not ask for it, as in Airflow."""
    return dag.is_paused and run_type is not DagRunType.BACKFILL
