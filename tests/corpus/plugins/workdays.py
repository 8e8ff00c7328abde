"""A timetable of the corpus: a run for each workday."""

from datetime import timedelta

from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from pendulum import UTC, DateTime, Time


class WorkdayTimetable(Timetable):
    """The day before each workday, without weekends."""

    description = "Workdays"

    def infer_manual_data_interval(self, *, run_after):
        start = DateTime.combine((run_after - timedelta(days=1)).date(), Time.min).replace(tzinfo=UTC)
        return DataInterval(start=start, end=start + timedelta(days=1))

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        after = last_automated_data_interval.end if last_automated_data_interval else restriction.earliest
        if after is None:
            return None
        start = after
        while start.weekday() in (5, 6):
            start += timedelta(days=1)
        if restriction.latest is not None and start > restriction.latest:
            return None
        return DagRunInfo.interval(start=start, end=start + timedelta(days=1))


class Workdays(AirflowPlugin):
    name = "workdays"
    timetables = [WorkdayTimetable]
