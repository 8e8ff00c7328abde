"""The nightly load: a query's rows go to S3, and from there into the warehouse's staging table."""

import csv
import io
from datetime import datetime, timedelta

from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3DeleteObjectsOperator,
    S3ListOperator,
)
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator, SQLValueCheckOperator
from airflow.utils.task_group import TaskGroup

BUCKET = "nightly"
KEY = "orders/{{ ds }}/part-0.csv"

default_args = {
    "owner": "warehouse",
    "depends_on_past": False,
    "retries": 1,
    "retry_delay": timedelta(seconds=1),
    "conn_id": "shop_db",
    "aws_conn_id": "aws_default",
}


def extract(key, **context):
    hook = BaseHook.get_connection("shop_db").get_hook()
    rows = hook.get_records("SELECT id, day, amount FROM orders WHERE day = ?", parameters=(context["ds"],))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    S3Hook().load_string(text.getvalue(), key, BUCKET, replace=True)
    return len(rows)


def load(key, table, **context):
    rows = list(csv.reader(io.StringIO(S3Hook().read_key(key, BUCKET))))
    hook = BaseHook.get_hook("shop_db")
    hook.insert_rows(table, rows, target_fields=["id", "day", "amount"])
    context["ti"].xcom_push("loaded", len(rows))


with DAG(
    "nightly_warehouse",
    description="Orders of a day",
    default_args=default_args,
    start_date=datetime(2026, 1, 1),
    schedule="0 3 * * *",
    catchup=False,
    max_active_runs=1,
    template_searchpath=["sql"],
    tags=["warehouse"],
) as dag:
    start = EmptyOperator(task_id="start")
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name=BUCKET)
    with TaskGroup("stage") as stage:
        create = SQLExecuteQueryOperator(
            task_id="create", sql="sql/create_staging.sql", split_statements=True
        )
        extract_orders = PythonOperator(task_id="extract", python_callable=extract, op_kwargs={"key": KEY})
        load_orders = PythonOperator(
            task_id="load", python_callable=load, op_kwargs={"key": KEY, "table": "staging"}
        )
        [create, extract_orders] >> load_orders
    check = SQLValueCheckOperator(
        task_id="check",
        sql="SELECT COUNT(*) FROM staging WHERE day = '{{ ds }}'",
        pass_value="{{ ti.xcom_pull('stage.load', key='loaded') }}",
    )
    publish = SQLExecuteQueryOperator(
        task_id="publish",
        sql=[
            "DELETE FROM daily WHERE day = '{{ ds }}'",
            "INSERT INTO daily SELECT day, SUM(amount) FROM staging WHERE day = %(day)s GROUP BY day".replace(
                "%(day)s", ":day"
            ),
        ],
        parameters={"day": "{{ ds }}"},
        handler=None,
    )
    archive = S3CopyObjectOperator(
        task_id="archive",
        source_bucket_name=BUCKET,
        source_bucket_key=KEY,
        dest_bucket_name=BUCKET,
        dest_bucket_key="archive/{{ ds_nodash }}.csv",
    )
    clean = S3DeleteObjectsOperator(task_id="clean", bucket=BUCKET, prefix="orders/{{ ds }}/")
    left = S3ListOperator(task_id="left", bucket=BUCKET)
    start >> bucket >> stage >> check >> publish >> archive >> clean >> left
