"""Files of a lake's bucket become a table of the warehouse."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.google.cloud.hooks.gcs import GCSHook
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.google.cloud.operators.gcs import GCSListObjectsOperator
from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor

with DAG("lake_load", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def write(ds=None):
        GCSHook().upload("lake", f"orders/{ds}.csv", data="1,10\n2,20\n")

    there = GCSObjectExistenceSensor(
        task_id="there", bucket="lake", object="orders/{{ ds }}.csv", mode="reschedule", poke_interval=1
    )
    listed = GCSListObjectsOperator(task_id="listed", bucket="lake", prefix="orders/")
    load = BigQueryInsertJobOperator(
        task_id="load",
        project_id="shop",
        location="EU",
        configuration={
            "query": {"query": "SELECT COUNT(*) FROM orders WHERE day = '{{ ds }}'", "useLegacySql": False}
        },
    )
    write() >> there >> listed >> load
