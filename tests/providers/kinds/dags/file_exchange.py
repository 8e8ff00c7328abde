"""Files that go to a partner's SFTP server and to S3, and come back."""

import os
from datetime import datetime
from pathlib import Path

from airflow import DAG
from airflow.decorators import task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator
from airflow.providers.amazon.aws.transfers.s3_to_sftp import S3ToSFTPOperator
from airflow.providers.amazon.aws.transfers.sftp_to_s3 import SFTPToS3Operator
from airflow.providers.sftp.hooks.sftp import SFTPHook
from airflow.providers.sftp.operators.sftp import SFTPOperator

REMOTE = os.environ["FILES_OF_SFTP"]
LOCAL = os.environ["FILES_HERE"]

with DAG("file_exchange", start_date=datetime(2026, 1, 1), schedule=None, catchup=False):

    @task
    def write():
        Path(LOCAL, "orders.csv").write_text("id,amount\n1,10\n2,20\n")

    put = SFTPOperator(
        task_id="put",
        ssh_conn_id="sftp_default",
        local_filepath=f"{LOCAL}/orders.csv",
        remote_filepath=f"{REMOTE}/{{{{ ds_nodash }}}}/orders.csv",
        operation="put",
        create_intermediate_dirs=True,
    )
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="exchange")
    to_s3 = SFTPToS3Operator(
        task_id="to_s3",
        sftp_conn_id="sftp_default",
        sftp_path=f"{REMOTE}/{{{{ ds_nodash }}}}/orders.csv",
        s3_bucket="exchange",
        s3_key="in/{{ ds }}/orders.csv",
    )
    to_sftp = S3ToSFTPOperator(
        task_id="to_sftp",
        sftp_conn_id="sftp_default",
        sftp_path=f"{REMOTE}/copy.csv",
        s3_bucket="exchange",
        s3_key="in/{{ ds }}/orders.csv",
    )
    get = SFTPOperator(
        task_id="get",
        ssh_conn_id="sftp_default",
        local_filepath=[f"{LOCAL}/back/orders.csv", f"{LOCAL}/back/copy.csv"],
        remote_filepath=[f"{REMOTE}/{{{{ ds_nodash }}}}/orders.csv", f"{REMOTE}/copy.csv"],
        operation="get",
        create_intermediate_dirs=True,
    )
    missing = SFTPOperator(
        task_id="missing",
        ssh_conn_id="sftp_default",
        local_filepath=f"{LOCAL}/none",
        remote_filepath=f"{REMOTE}/none",
        operation="get",
    )

    @task
    def check(ds_nodash=None, ds=None):
        hook = SFTPHook("sftp_default")
        hook.delete_file(f"{REMOTE}/copy.csv")
        assert hook.list_directory(REMOTE) == [ds_nodash], hook.list_directory(REMOTE)
        assert hook.isfile(f"{REMOTE}/{ds_nodash}/orders.csv")
        files, _, _ = hook.get_tree_map(REMOTE)
        assert files == [f"{REMOTE}/{ds_nodash}/orders.csv"], files
        stored = S3Hook("aws_default").read_key(f"in/{ds}/orders.csv", "exchange")
        copies = [Path(LOCAL, "back", name).read_text() for name in ("orders.csv", "copy.csv")]
        assert {stored, *copies} == {"id,amount\n1,10\n2,20\n"}
        works, message = hook.test_connection()
        assert works, message

    [write(), bucket] >> put >> to_s3 >> to_sftp >> get >> [check(), missing]
