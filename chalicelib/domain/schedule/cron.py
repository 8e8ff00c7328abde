"""Cron expressions in a time zone, by Airflow's rules for daylight saving.

Croniter reckons on the wall clock, which knows no time zones; here its times become instants:

- a time that the clock skips in spring is taken as if it had not been put forward (02:30 is 03:30);
- of a time that comes twice in autumn the second one counts;
- an expression that covers every hour goes on in real time, so it does run in both of the two hours.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any

from chalicelib.domain.errors import UpdraftError

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
"""Airflow's presets."""


class NotACronExpression(UpdraftError):
    """The text is no cron expression; the message is croniter's."""

    code = "not_a_cron_expression"


class NoFurtherTime(UpdraftError):
    """A schedule names no time beyond a moment (within the years that dates have, or croniter searches)."""

    code = "no_further_time"

    def __init__(self) -> None:
        super().__init__("the schedule names no time there")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """A cron expression (five fields, or six with seconds as the last) or preset, read in a time zone."""

    expression: str
    zone: tzinfo

    def next(self, moment: datetime) -> datetime:
        """The first time after a moment, in UTC; raises ``NoFurtherTime``."""
        return self._step(moment, "get_next")

    def previous(self, moment: datetime) -> datetime:
        """The last time before a moment, in UTC; raises ``NoFurtherTime``."""
        return self._step(moment, "get_prev")

    def align_to_next(self, moment: datetime) -> datetime:
        """The moment if it is one of the schedule's times, else the next one."""
        following = self.next(moment)
        return moment if self.previous(following) == moment else following

    def align_to_previous(self, moment: datetime) -> datetime:
        """The moment if it is one of the schedule's times, else the last one."""
        before = self.previous(moment)
        return moment if self.next(before) == moment else before

    def _step(self, moment: datetime, direction: str) -> datetime:
        from croniter import CroniterBadDateError

        try:
            naive = moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
            times = _croniter(self.expression, naive)
            found: datetime = getattr(times, direction)(datetime)
            if _covers_every_hour(self.expression):
                return moment.astimezone(UTC) + (found - naive)
            return instant(found, self.zone)
        except (CroniterBadDateError, OverflowError, ValueError) as error:
            raise NoFurtherTime from error


def instant(local: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which a zone's clocks show a (naive) time; see the module for DST.

    Of the two readings that Python offers (``fold``) the later one is the wanted one in both cases.
    """
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def check(expression: str) -> None:
    """Raises ``NotACronExpression`` unless the text is one and names a time at all."""
    from croniter.croniter import CroniterError

    try:
        _croniter(expression, datetime(2000, 1, 1)).get_next(datetime)  # noqa: DTZ001 - any wall clock time
    except CroniterError as error:
        raise NotACronExpression(str(error)) from error


def _croniter(expression: str, start: datetime) -> Any:
    from croniter import croniter

    return croniter(PRESETS.get(expression, expression), start_time=start)


@cache
def _covers_every_hour(expression: str) -> bool:
    # Croniter's own normalized form, in which "*/1" and "0-23" are "*": what Airflow looks at.
    hours = _croniter(expression, datetime(2000, 1, 1)).expanded[1]  # noqa: DTZ001 - any wall clock time
    return bool(hours == ["*"])
