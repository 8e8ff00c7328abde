"""A producer, a consumer of its dataset, and one of two datasets."""

from datetime import datetime

from airflow import DAG
from airflow.datasets import Dataset
from airflow.decorators import task
from airflow.operators.bash import BashOperator

orders = Dataset("s3://shop/orders.csv", extra={"team": "shop"})
stock = Dataset("s3://shop/stock.csv")

with DAG("datasets", start_date=datetime(2026, 1, 1), schedule=None):
    BashOperator(task_id="export", bash_command="true", outlets=[orders])

with DAG("datasets_consumer", start_date=datetime(2026, 1, 1), schedule=[orders]):

    @task
    def sources(triggering_dataset_events=None):
        return [[event.source_task_id for event in events] for events in triggering_dataset_events.values()]

    sources()

with DAG("datasets_of_both", start_date=datetime(2026, 1, 1), schedule=orders & stock):
    BashOperator(task_id="never", bash_command="false")
