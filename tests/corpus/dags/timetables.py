"""A timetable of Airflow's, and one of its own: a run for each working day."""

from datetime import UTC, datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from airflow.timetables.trigger import CronTriggerTimetable


@task
def look(data_interval_start=None, data_interval_end=None, dag=None):
    return [data_interval_start.isoformat(), data_interval_end.isoformat(), dag.timetable.description]


class WorkingDays(Timetable):
    """Monday to Friday; a run of Monday has the weekend, too."""

    description = "each working day"

    def infer_manual_data_interval(self, *, run_after):
        end = run_after.replace(hour=0, minute=0, second=0, microsecond=0)
        return DataInterval(end - timedelta(days=3 if end.isoweekday() == 1 else 1), end)

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        start = restriction.earliest
        if last_automated_data_interval is not None:
            start = last_automated_data_interval.end
        if start is None or (restriction.latest is not None and start > restriction.latest):
            return None
        end = start + timedelta(days=1)
        while end.isoweekday() > 5:
            end += timedelta(days=1)
        return DagRunInfo.interval(start, end)


START = datetime(2026, 1, 1, tzinfo=UTC)
LAST_WEEK = CronTriggerTimetable("30 6 * * 1", timezone="Europe/Oslo", interval=timedelta(days=7))

with DAG("timetables", start_date=START, schedule=LAST_WEEK):
    look()

with DAG("timetables_own", start_date=START, schedule=WorkingDays(), catchup=False):
    look()
