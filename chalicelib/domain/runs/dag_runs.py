"""DAG runs: their fields, ids and names."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from chalicelib.domain.payload import Payload
from chalicelib.domain.states import DagRunState


class DagRunType(StrEnum):
    """What made a run, as in Airflow; also the first part of a made-up run id."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    BACKFILL = "backfill"
    DATASET_TRIGGERED = "dataset_triggered"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRef:
    """What messages carry to find a run."""

    dag_id: str
    execution_date: datetime
    run_uid: str
    """Its identity."""
    generation: int
    """Its DAG's life."""
    version: str
    """The DAG version whose graph it keeps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What never changes of a started run, and what a task may know of it."""

    ref: RunRef
    run_id: str
    run_type: DagRunType
    external_trigger: bool
    start_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    conf: Payload
    fence: int = 0
    """As of when these facts were read: see ``DagRun``."""
    is_undated: bool | None = None
    """As ``DagRun``'s; None: it is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DagRun:
    """A run. Datetimes are aware, in UTC."""

    dag_id: str
    execution_date: datetime
    run_uid: str
    generation: int
    version: str
    """The DAG version whose graph the run keeps."""
    id: int
    """The integer that the API shows, made once."""
    run_id: str
    run_type: DagRunType
    state: DagRunState
    external_trigger: bool
    triggered_by: str
    """Who or what triggered it."""
    conf: Payload
    data_interval_start: datetime
    data_interval_end: datetime
    queued_at: datetime
    updated_at: datetime
    """When its state last changed."""
    start_date: datetime | None = None
    end_date: datetime | None = None
    reason: str | None = None
    """Why the run was ended before its tasks had ended; None otherwise."""
    clear_number: int = 0
    """How often it went back to ``queued``: cleared after its end (Airflow's), or giving way to another."""
    fence: int = 0
    """Grows whenever ends of its tasks become void: only a handler that has read it before it saw that all
    tasks had ended may close the run."""
    is_undated: bool = False
    """Whether the one who asked for it gave no date: by Airflow 3's rules its tasks then see none."""
    is_interval_owed: bool = False
    """Whether the DAG's own timetable has still to say what its data interval is; it starts after that."""

    @property
    def ref(self) -> RunRef:
        """What messages carry of the run."""
        return RunRef(
            dag_id=self.dag_id,
            execution_date=self.execution_date,
            run_uid=self.run_uid,
            generation=self.generation,
            version=self.version,
        )

    def is_over_for(self, time: timedelta, now: datetime) -> bool:
        """Whether the run ended that long ago, and was not changed since."""
        return self.state.is_final and now - self.updated_at >= time

    def facts(self, start_date: datetime) -> RunFacts:
        """What a task may know of the run, which started at ``start_date``."""
        return RunFacts(
            ref=self.ref,
            run_id=self.run_id,
            run_type=self.run_type,
            external_trigger=self.external_trigger,
            start_date=start_date,
            data_interval_start=self.data_interval_start,
            data_interval_end=self.data_interval_end,
            conf=self.conf,
            fence=self.fence,
            is_undated=self.is_undated or None,
        )


class DagRunChange(TypedDict, total=False):
    """Fields of a run that one write sets; ``None`` removes."""

    state: DagRunState
    queued_at: datetime
    start_date: datetime | None
    end_date: datetime | None
    reason: str | None
    clear_number: int
    fence: int
    updated_at: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    is_interval_owed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class UnfinishedRun:
    """The entry of a run that is not over."""

    run: RunRef
    due_at: datetime
    """When the tick looks after it."""
    clear_number: int = 0
    """The run's, as of when the entry was made."""


_LOW_BITS = 11


def new_id(now: datetime, entropy: random.Random) -> int:
    """An integer id that fits a JSON number (53 bits), grows with creation and needs no counter.

    42 bits of milliseconds since 1970 (good until 2109), 11 bits of chance.
    """
    return id_at(now, entropy.getrandbits(_LOW_BITS))


def id_at(moment: datetime, number: int) -> int:
    """The integer id of what is of a moment, and there is told from others by the low bits of a number."""
    return (int(moment.timestamp() * 1000) << _LOW_BITS) | (number & ((1 << _LOW_BITS) - 1))


def generated_run_id(run_type: DagRunType, execution_date: datetime) -> str:
    """Airflow's made-up run id: ``manual__2024-05-06T07:08:09+00:00``, with the offset as given."""
    return f"{run_type}__{execution_date.isoformat()}"
