"""A file of Airflow 1.10 that was never touched: contrib, camel case in modules, provide_context."""

from datetime import timedelta

import airflow
from airflow.contrib.hooks.aws_hook import AwsHook
from airflow.contrib.hooks.ssh_hook import SSHHook
from airflow.contrib.operators.ssh_operator import SSHOperator
from airflow.hooks.http_hook import HttpHook
from airflow.hooks.S3_hook import S3Hook
from airflow.hooks.sqlite_hook import SqliteHook
from airflow.models import DAG
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.sensors.http_sensor import HttpSensor

args = {
    "owner": "airflow",
    "start_date": airflow.utils.dates.days_ago(1000),
    "email_on_failure": False,
    "retries": 1,
    "retry_delay": timedelta(seconds=1),
}

dag = DAG(dag_id="of_1_10", default_args=args, schedule_interval="@daily", catchup=False)


def copy(ds, **kwargs):
    rows = SqliteHook(sqlite_conn_id="shop_db").get_records("SELECT id FROM orders ORDER BY id")
    hook = S3Hook(aws_conn_id="aws_default")
    hook.create_bucket("of-1-10")
    hook.load_string("\n".join(str(row[0]) for row in rows), "ids", "of-1-10", replace=True)
    kwargs["ti"].xcom_push(key="rows", value=len(rows))
    return hook.check_for_key("ids", "of-1-10")


def tell(**context):
    rows = context["ti"].xcom_pull(task_ids="copy", key="rows")
    response = HttpHook("POST", http_conn_id="orders_api").run("/told", data=f'{{"rows": {rows}}}')
    assert AwsHook(aws_conn_id="aws_default", client_type="s3").get_conn().list_buckets()
    return response.status_code


start = DummyOperator(task_id="start", dag=dag)
sense = HttpSensor(
    task_id="sense", http_conn_id="orders_api", endpoint="ready/of_1_10", poke_interval=1, dag=dag
)
copy_rows = PythonOperator(task_id="copy", python_callable=copy, provide_context=True, dag=dag)
remote = SSHOperator(
    task_id="remote",
    ssh_hook=SSHHook(ssh_conn_id="ssh_default"),
    command="echo {{ ds }}",
    do_xcom_push=True,
    dag=dag,
)
told = PythonOperator(task_id="tell", python_callable=tell, provide_context=True, dag=dag)
start.set_downstream(sense)
sense >> copy_rows >> told
copy_rows.set_downstream(remote)
