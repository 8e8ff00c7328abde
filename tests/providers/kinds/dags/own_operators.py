"""Operators and hooks of the plugins folder that derive from those of packages."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.http.operators.http import HttpOperator
from team_operators import HttpToS3Operator, OrdersHook

with DAG("own_operators", start_date=datetime(2026, 1, 1), schedule=None):
    kept = HttpToS3Operator(
        task_id="kept",
        http_conn_id="orders_api",
        endpoint="/orders",
        method="GET",
        bucket="own",
        key="{{ ds }}.json",
    )

    @task
    def check(uri):
        assert isinstance(kept, HttpOperator)
        assert '"amount": 20' in S3Hook().read_key(uri)
        return [order["id"] for order in OrdersHook().pages()]

    check(kept.output)
