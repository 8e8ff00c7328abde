"""An API that answers page by page, kept in S3 as lines of JSON."""

import json
from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator, S3CreateObjectOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor


def following(response):
    number = response.json()["next"]
    return None if number is None else {"data": {"page": number}}


with DAG("api_pull", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    ready = HttpSensor(
        task_id="ready",
        http_conn_id="orders_api",
        endpoint="/ready/api_pull",
        response_check=lambda response, ds: response.json()["rows"] > 0 and bool(ds),
        mode="reschedule",
        poke_interval=1,
        timeout=60,
    )
    pull = HttpOperator(
        task_id="pull",
        http_conn_id="orders_api",
        endpoint="/orders",
        method="GET",
        data={"page": 0},
        pagination_function=following,
        response_filter=lambda responses: [order for each in responses for order in each.json()["orders"]],
    )
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="pulled")
    keep = S3CreateObjectOperator(
        task_id="keep",
        s3_bucket="pulled",
        s3_key="{{ ds }}/orders.jsonl",
        data="{% for order in ti.xcom_pull('pull') %}{{ order | tojson }}\n{% endfor %}",
        replace=True,
    )

    @task
    def total(orders):
        print(json.dumps(orders))
        return sum(order["amount"] for order in orders)

    ready >> pull >> [keep, total(pull.output)]
    bucket >> keep
