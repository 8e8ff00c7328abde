"""A partner drops a file; it goes to S3, and a topic tells those who wait for it."""

import os
from datetime import datetime

from airflow import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.transfers.sftp_to_s3 import SFTPToS3Operator
from airflow.providers.sftp.sensors.sftp import SFTPSensor

DROP = os.environ["DROP"]

with DAG("sftp_drop", start_date=datetime(2026, 1, 1), schedule="30 6 * * 1-5", catchup=False):
    dropped = SFTPSensor(
        task_id="dropped", path=f"{DROP}/{{{{ ds }}}}.csv", mode="reschedule", poke_interval=1
    )
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="drops")
    fetch = SFTPToS3Operator(
        task_id="fetch",
        sftp_conn_id="sftp_default",
        sftp_path=f"{DROP}/{{{{ ds }}}}.csv",
        s3_bucket="drops",
        s3_key="{{ ds }}.csv",
    )
    tell = SnsPublishOperator(
        task_id="tell",
        target_arn=os.environ["TOPIC"],
        subject="Drop of {{ ds }}",
        message='{"key": "s3://drops/{{ ds }}.csv"}',
        message_attributes={"kind": "drop"},
    )
    [dropped, bucket] >> fetch >> tell
