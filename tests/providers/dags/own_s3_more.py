"""Other S3 operators: tags, transforms, transfers from SQL and from a file, keys by mapped operators."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import (
    S3CopyObjectOperator,
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3DeleteBucketTaggingOperator,
    S3DeleteObjectsOperator,
    S3FileTransformOperator,
    S3GetBucketTaggingOperator,
    S3ListOperator,
    S3PutBucketTaggingOperator,
)
from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator
from airflow.providers.amazon.aws.transfers.local_to_s3 import LocalFilesystemToS3Operator

with DAG(
    "own_s3_more",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"aws_conn_id": "aws_default"},
    params={"bucket": "own-more"},
) as dag:
    bucket = "{{ params.bucket }}"
    create = S3CreateBucketOperator(task_id="create", bucket_name=bucket)
    tag = S3PutBucketTaggingOperator(task_id="tag", bucket_name=bucket, key="team", value="data-{{ ds_nodash }}")
    tags = S3GetBucketTaggingOperator(task_id="tags", bucket_name=bucket)
    untag = S3DeleteBucketTaggingOperator(task_id="untag", bucket_name=bucket)
    untagged = S3GetBucketTaggingOperator(task_id="untagged", bucket_name=bucket)

    @task
    def names(ds=None):
        return [{"s3_key": f"in/{ds}/{name}.txt", "data": name * 2} for name in ("a", "b", "c")]

    put = S3CreateObjectOperator.partial(
        task_id="put", s3_bucket="own-more", replace=True, map_index_template="{{ task.s3_key }}"
    ).expand_kwargs(names())

    @task
    def script():
        path = "/tmp/own_s3_more_upper.py"
        with open(path, "w") as file:
            file.write("#!/usr/bin/env python3\nimport sys\n")
            file.write("open(sys.argv[2], 'w').write(open(sys.argv[1]).read().upper() + ' '.join(sys.argv[3:]))\n")
        import os

        os.chmod(path, 0o700)
        return path

    upper = S3FileTransformOperator(
        task_id="upper",
        source_s3_key="s3://own-more/in/{{ ds }}/a.txt",
        dest_s3_key="s3://own-more/out/{{ ds }}/a.txt",
        transform_script="/tmp/own_s3_more_upper.py",
        script_args=["{{ ds }}"],
        replace=True,
    )
    fetched = HttpToS3Operator(
        task_id="fetched", http_conn_id="http_default", endpoint="csv/{{ ds }}", s3_bucket="own-more", s3_key="out/fetched.csv"
    )

    @task
    def local():
        with open("/tmp/own_s3_more.txt", "w") as file:
            file.write("on disk")
        return "/tmp/own_s3_more.txt"

    up = LocalFilesystemToS3Operator(
        task_id="up", filename=local(), dest_key="s3://own-more/out/disk.txt", replace=True
    )
    copies = S3CopyObjectOperator.partial(task_id="copies", source_bucket_key="s3://own-more/out/disk.txt").expand(
        dest_bucket_key=["s3://own-more/copies/1", "s3://own-more/copies/2"]
    )
    listed = S3ListOperator.partial(task_id="listed", bucket="own-more").expand(prefix=["in/", "out/", "copies/"])
    drop = S3DeleteObjectsOperator(task_id="drop", bucket="own-more", keys=["copies/1", "copies/{{ 2 }}"])

    @task
    def check(ti=None):
        hook = S3Hook()
        assert hook.read_key("out/2026-01-02/a.txt", "own-more") == "AA2026-01-02"
        assert hook.read_key("out/fetched.csv", "own-more").startswith("id,label")
        return sorted(hook.list_keys("own-more"))

    create >> tag >> tags >> untag >> untagged
    create >> put >> upper >> listed
    script() >> upper
    create >> fetched >> listed
    create >> up >> copies >> listed
    listed >> drop >> check()
