"""Rhythms: times that follow each other, by a cron expression or a fixed duration apart."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chalicelib.domain.schedule.cron import Cron, NoFurtherTime
from chalicelib.domain.schedule.durations import CalendarDuration, Duration, earlier, later

_LONG_AGO = timedelta(minutes=5)


class Rhythm(Protocol):
    """Times that follow each other; all methods may raise ``NoFurtherTime``."""

    def next(self, moment: datetime) -> datetime:
        """The first time after a moment."""
        ...

    def previous(self, moment: datetime) -> datetime:
        """The last time before a moment."""
        ...

    def align_to_next(self, moment: datetime) -> datetime:
        """The moment if it is one of the times, else the next one."""
        ...

    def align_to_previous(self, moment: datetime) -> datetime:
        """The moment if it is one of the times, else the last one."""
        ...

    def latest(self, now: datetime) -> datetime:
        """The latest of the times that has come."""
        ...

    def first(self, now: datetime, immediately: bool | timedelta) -> datetime:
        """The time that counts first where nothing says since when.

        That is the latest if it is not longer ago than ``immediately`` (True: however long ago; False: not
        long, by the rhythm itself), else the next.
        """
        ...

    def latest_start(self, now: datetime) -> datetime:
        """Where the latest interval begins that is complete now."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CronRhythm(Cron):
    """Times of the wall clock."""

    def latest(self, now: datetime) -> datetime:
        """As ``Rhythm`` says."""
        return self.align_to_previous(now)

    def first(self, now: datetime, immediately: bool | timedelta) -> datetime:
        """As ``Rhythm`` says; not long ago is a tenth of the time between two, and five minutes at least."""
        before = self.latest(now)
        if immediately is True:
            return before
        after = self.align_to_next(now)
        usual = max((after - before) / 10, _LONG_AGO)
        longest = immediately if isinstance(immediately, timedelta) else usual
        return before if now - before <= longest else after

    def latest_start(self, now: datetime) -> datetime:
        """As ``Rhythm`` says."""
        last = self.previous(now)
        return last if self.next(last) <= now else self.previous(last)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeltaRhythm:
    """Times a duration apart, counted from wherever the first run starts: any moment is one of them."""

    delta: Duration

    def next(self, moment: datetime) -> datetime:
        """As ``Rhythm`` says."""
        return shifted(moment, self.delta)

    def previous(self, moment: datetime) -> datetime:
        """As ``Rhythm`` says."""
        return shifted(moment, -self.delta)

    def align_to_next(self, moment: datetime) -> datetime:
        """The moment."""
        return moment

    def align_to_previous(self, moment: datetime) -> datetime:
        """The moment."""
        return moment

    def latest(self, now: datetime) -> datetime:
        """As ``Rhythm`` says; Airflow counts from 1970 here, in floats."""
        delta = self.delta
        length = delta.approximately if isinstance(delta, CalendarDuration) else delta
        seconds = now.timestamp()
        return datetime.fromtimestamp(seconds - seconds % length.total_seconds(), UTC)

    def first(self, now: datetime, immediately: bool | timedelta) -> datetime:  # noqa: ARG002 - always so
        """The latest."""
        return self.latest(now)

    def latest_start(self, now: datetime) -> datetime:
        """As ``Rhythm`` says."""
        return self.previous(self.latest(now))


def shifted(moment: datetime, duration: Duration, *, back: bool = False) -> datetime:
    """The moment so much later, or earlier (``back``); raises ``NoFurtherTime``."""
    try:
        return earlier(moment, duration) if back else later(moment, duration)
    except (OverflowError, ValueError) as error:
        raise NoFurtherTime from error
