"""TaskFlow around operators of packages: rows of a query become mapped copies in S3."""

from datetime import datetime

from airflow.decorators import dag, task, task_group
from airflow.models.baseoperator import chain
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator, S3CreateBucketOperator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator


@dag(start_date=datetime(2026, 1, 1), schedule=None, render_template_as_native_obj=True)
def taskflow_and_copies():
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="copies")
    ids = SQLExecuteQueryOperator(
        task_id="ids",
        conn_id="shop_db",
        sql="SELECT id FROM orders WHERE day <= :day ORDER BY id",
        parameters={"day": "{{ ds }}"},
    )

    @task(multiple_outputs=True)
    def write(rows):
        hook = S3Hook()
        for (number,) in rows:
            hook.load_string(f"order {number}", f"raw/{number}", "copies", replace=True)
        return {"keys": [f"raw/{number}" for (number,) in rows], "count": len(rows)}

    @task
    def pairs(keys):
        return [{"source_bucket_key": key, "dest_bucket_key": key.replace("raw", "new")} for key in keys]

    @task_group
    def check(key):
        @task
        def read(key):
            return S3Hook().read_key(key, "copies")

        @task
        def long_enough(text):
            assert text.startswith("order ")

        long_enough(read(key))

    written = write(ids.output)
    copies = S3CopyObjectOperator.partial(
        task_id="copies", source_bucket_name="copies", dest_bucket_name="copies"
    ).expand_kwargs(pairs(written["keys"]))
    chain(bucket, written)
    copies >> check.expand(key=written["keys"])


taskflow_and_copies()
