"""Sensors and an operator that wait without a worker."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

with DAG("deferred", start_date=datetime(2026, 1, 1), schedule=None):
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="deferred")
    ready = HttpSensor(
        task_id="ready",
        http_conn_id="orders_api",
        endpoint="ready/deferred",
        deferrable=True,
        poke_interval=1,
        timeout=60,
    )

    @task
    def write(ds=None):
        S3Hook().load_string("x", f"{ds}/done", "deferred", replace=True)

    file = S3KeySensor(
        task_id="file", bucket_key="s3://deferred/{{ ds }}/done", deferrable=True, poke_interval=1, timeout=60
    )
    post = HttpOperator(
        task_id="post",
        http_conn_id="orders_api",
        endpoint="done",
        data='{"day": "{{ ds }}"}',
        headers={"Content-Type": "application/json"},
        deferrable=True,
    )
    [bucket, ready] >> write() >> file >> post
