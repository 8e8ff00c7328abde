"""Datasets that a task finds when it runs, their events with extras, and a DAG that also runs by the clock."""

from datetime import datetime

from airflow import DAG
from airflow.datasets import Dataset, DatasetAlias
from airflow.datasets.metadata import Metadata
from airflow.decorators import task
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

landed = DatasetAlias("landed")
counts = Dataset("file:///lake/counts")

with DAG("dataset_events", start_date=datetime(2026, 1, 1), schedule=None):

    @task(outlets=[landed])
    def land(*, outlet_events):
        for name in ("east", "west"):
            outlet_events[landed].add(Dataset(f"file:///lake/{name}"), extra={"region": name})

    @task(outlets=[counts])
    def count():
        yield Metadata(counts, {"rows": 3})

    land() >> count()

with DAG("dataset_events_by_alias", start_date=datetime(2026, 1, 1), schedule=[landed]):

    @task(inlets=[landed])
    def regions(*, inlet_events, triggering_dataset_events):
        of_run = [event.extra["region"] for events in triggering_dataset_events.values() for event in events]
        return [sorted(of_run), sorted(event.extra["region"] for event in inlet_events[landed])]

    regions()

with DAG(
    "dataset_events_or_time",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    schedule=DatasetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), datasets=[counts]
    ),
):

    @task
    def rows(*, triggering_dataset_events):
        return [event.extra["rows"] for events in triggering_dataset_events.values() for event in events]

    rows()
