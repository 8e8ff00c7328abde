"""A DAG for each tenant of a file of settings."""

import json
from datetime import datetime
from pathlib import Path

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator, S3CreateObjectOperator
from airflow.providers.http.operators.http import HttpOperator


def create_dag(tenant, schedule, endpoint):
    with DAG(
        f"tenant_{tenant}", start_date=datetime(2026, 1, 1), schedule=schedule, catchup=False, tags=[tenant]
    ) as dag:
        ask = HttpOperator(
            task_id="ask",
            http_conn_id="orders_api",
            endpoint=endpoint,
            method="GET",
            response_check=lambda response: response.json()["path"] == endpoint,
            log_response=True,
        )
        bucket = S3CreateBucketOperator(task_id="bucket", bucket_name=f"tenant-{tenant}")
        keep = S3CreateObjectOperator(
            task_id="keep",
            s3_bucket=f"tenant-{tenant}",
            s3_key="{{ ds }}.json",
            data=ask.output,
            replace=True,
        )
        bucket >> keep
    return dag


for settings in json.loads(Path(__file__).with_name("tenants.json").read_text()):
    globals()[f"tenant_{settings['tenant']}"] = create_dag(**settings)
