"""Two DAGs of two teams: one waits for a task of the other's, and for its file."""

from datetime import datetime

from airflow import DAG
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator, S3CreateObjectOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor, S3KeysUnchangedSensor
from airflow.sensors.external_task import ExternalTaskSensor

with DAG("two_teams", start_date=datetime(2026, 1, 1), schedule="@daily", catchup=False):
    bucket = S3CreateBucketOperator(task_id="bucket", bucket_name="teams")
    export = S3CreateObjectOperator(
        task_id="export", s3_bucket="teams", s3_key="{{ ds }}/export.csv", data="1,2", replace=True
    )
    start_other = TriggerDagRunOperator(
        task_id="start_other", trigger_dag_id="two_teams_report", execution_date="{{ logical_date }}"
    )
    bucket >> export >> start_other

with DAG("two_teams_report", start_date=datetime(2026, 1, 1), schedule=None):
    exported = ExternalTaskSensor(
        task_id="exported",
        external_dag_id="two_teams",
        external_task_id="export",
        mode="reschedule",
        timeout=60,
    )
    file = S3KeySensor(
        task_id="file",
        bucket_key="s3://teams/{{ ds }}/*.csv",
        wildcard_match=True,
        check_fn=lambda files: all(file["Size"] > 0 for file in files),
        poke_interval=1,
        timeout=60,
    )
    settled = S3KeysUnchangedSensor(
        task_id="settled",
        bucket_name="teams",
        prefix="{{ ds }}/",
        inactivity_period=1,
        poke_interval=1,
        timeout=60,
    )
    exported >> file >> settled
