"""Branches by the time, and by the day of the week."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.conveniences.moments import coerce_datetime
from chalicelib.authoring.conveniences.weekdays import WeekDay
from chalicelib.authoring.dates import utcnow, zone_named
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.operators.branch import BaseBranchOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

TaskIds = str | Iterable[str]
Limit = datetime | time | None


class BranchDateTimeOperator(BaseBranchOperator):
    """Follows one list of tasks or groups from ``target_lower`` to ``target_upper``, else the other.

    Both limits belong to the range. One that is a time of the day is taken on the day that it is, a naive one
    in the DAG's time zone; an upper time before the lower one is that of the next day. The moment is now, or
    the logical date with ``use_task_logical_date``. Raises ``AirflowException`` without any limit.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: TaskIds,
        follow_task_ids_if_false: TaskIds,
        target_lower: Limit,
        target_upper: Limit,
        use_task_logical_date: bool = False,
        use_task_execution_date: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise AirflowException(
                "Both target_upper and target_lower are None. At least one "
                "must be defined to be compared to the current datetime"
            )
        self.target_lower = target_lower
        self.target_upper = target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date or use_task_execution_date

    def choose_branch(self, context: "Context") -> TaskIds:
        """The tasks to follow."""
        moment = context["logical_date"] if self.use_task_logical_date else utcnow()
        zone = zone_named(self.dag.timezone)
        lower, upper = (
            coerce_datetime(limit, zone)
            for limit in target_times_as_dates(moment, self.target_lower, self.target_upper)
        )
        is_within = (lower is None or lower <= moment) and (upper is None or moment <= upper)
        return self.follow_task_ids_if_true if is_within else self.follow_task_ids_if_false


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Follows one list of tasks or groups on certain days of the week, else the other.

    Days are given as names or ``WeekDay``. The day is today's in the DAG's time zone, or the logical date's
    with ``use_task_logical_date``. Raises ``AttributeError`` for a name that is no day, ``TypeError`` for
    what is no name.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: TaskIds,
        follow_task_ids_if_false: TaskIds,
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        use_task_execution_day: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date or use_task_execution_day
        self._days = WeekDay.validate_week_day(week_day)

    def choose_branch(self, context: "Context") -> TaskIds:
        """The tasks to follow."""
        day = (
            context["logical_date"]
            if self.use_task_logical_date
            else utcnow().astimezone(zone_named(self.dag.timezone))
        )
        is_one = day.isoweekday() in self._days
        return self.follow_task_ids_if_true if is_one else self.follow_task_ids_if_false


def target_times_as_dates(
    base_date: datetime, lower: Limit, upper: Limit
) -> tuple[datetime | None, datetime | None]:
    """The limits as datetimes: times of the day are taken on the day of ``base_date``.

    An upper one before the lower one is moved by a day, unless both were datetimes.
    """
    dated = _dated(base_date, lower), _dated(base_date, upper)
    if isinstance(lower, datetime) and isinstance(upper, datetime):
        return dated
    first, last = dated
    if first is None or last is None or first <= last:
        return dated
    return first, last + timedelta(days=1)


def _dated(base_date: datetime, limit: Limit) -> datetime | None:
    return datetime.combine(base_date, limit) if isinstance(limit, time) else limit
