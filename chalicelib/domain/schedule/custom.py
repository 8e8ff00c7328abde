"""Questions to a timetable of the user's own, and its answers.

It is code of the DAG file, so a worker asks it; the scheduler goes by what it has answered.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.json_codec import NOT_SENT
from chalicelib.domain.schedule.timetables import DataInterval

TIME_FOR_AN_ANSWER = timedelta(seconds=60)
"""Within which the process that asks has to be over; some two thirds of it are the timetable's."""

WAIT_FOR_AN_ANSWER = timedelta(minutes=2)
"""After which a timetable is asked again, for the question or the answer may be lost."""

ASK_AGAIN = timedelta(minutes=5)
"""After which a timetable is asked again that named no further run, or failed: it may do better then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun(DataInterval):
    """A run that a timetable has planned."""

    due: datetime
    """When it is to be made."""
    run_id: str

    @property
    def run_after(self) -> datetime:
        """When the run is due."""
        return self.due

    @property
    def interval(self) -> DataInterval:
        """What it stands for."""
        return DataInterval(start=self.start, end=self.end)


def interval_and_id(run: DataInterval) -> tuple[DataInterval, str | None]:
    """What a run stands for, and its id where a timetable has given it one."""
    return (run.interval, run.run_id) if isinstance(run, PlannedRun) else (run, None)


class QuestionKind(StrEnum):
    """What a timetable may be asked."""

    NEXT_RUN = "next_run"
    """The run that follows the last one, within the DAG's dates."""
    RANGE = "range"
    """The runs of a range of logical dates, for a backfill."""
    BY_HAND = "by_hand"
    """The data interval of a run by hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimetableQuestion:
    """A question for the timetable of a DAG."""

    dag_id: str
    fileloc: str
    """The deployed file of the DAG, relative to the DAGs folder."""
    kind: QuestionKind
    last: DataInterval | None = None
    """The run after which others are looked for."""
    start_date: datetime | None = None
    """Of a range its first date; of a run by hand its date."""
    end_date: datetime | None = None
    """Of a range its last date, included."""
    limit: int = 1
    """How many runs are wanted at most."""
    time_left: timedelta | None = field(default=None, compare=False, metadata=NOT_SENT)
    """What the invocation still has; None: no end is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimetableAnswer:
    """What came of it."""

    runs: tuple[PlannedRun, ...] = ()
    """In order; of a run by hand the one, with its data interval."""
    error: str = ""
    """Why there is no answer, in words for the author of the timetable."""
