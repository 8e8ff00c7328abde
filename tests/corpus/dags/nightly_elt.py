"""A nightly ELT of a shop: partitions by region, a check that branches, a sensor, pools, alerts, datasets.

As a data team writes it for Airflow 2: TaskFlow beside operators, groups for stages, params for reruns.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.datasets import Dataset
from airflow.decorators import task, task_group
from airflow.exceptions import AirflowSkipException
from airflow.models import Variable
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.sensors.python import PythonSensor
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule

SALES = Dataset("s3://warehouse/sales")
THRESHOLD = int(Variable.get("elt_threshold", default_var="10"))


def alert(context):
    print(f"ALERT {context['dag'].dag_id}.{context['task'].task_id}: {context.get('exception')}")


def missed(dag, task_list, blocking_task_list, slas, blocking_tis):
    print("SLA missed", task_list)


with DAG(
    dag_id="nightly_elt",
    description="Loads the sales of each region, checks and publishes them.",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Oslo"),
    schedule="30 2 * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    sla_miss_callback=missed,
    default_args={
        "owner": "elt",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "on_failure_callback": alert,
        "execution_timeout": timedelta(minutes=30),
    },
    params={
        "regions": Param(["north", "south", "west"], type="array", minItems=1),
        "full_refresh": Param(False, type="boolean"),
    },
    tags=["elt", "sales"],
    doc_md=__doc__,
) as dag:
    export_is_there = PythonSensor(
        task_id="export_is_there",
        python_callable=lambda logical_date=None, **_: logical_date is not None,
        poke_interval=60,
        timeout=60 * 60,
        mode="reschedule",
        sla=timedelta(hours=1),
    )

    @task
    def regions(params=None) -> list[str]:
        return sorted(params["regions"])

    @task_group
    def partition(region: str):
        @task(pool="default_pool", max_active_tis_per_dag=4)
        def extract(region: str, ti=None, ds=None) -> dict:
            if region == "south" and ti.try_number == 1:
                raise ConnectionError("the source hung up")
            if region == "east":
                raise AirflowSkipException("not open yet")
            return {"region": region, "day": ds, "rows": len(region) * 3}

        @task
        def transform(batch: dict) -> dict:
            return {**batch, "rows": batch["rows"] + 1}

        @task(pool="default_pool", pool_slots=1, priority_weight=5)
        def load(batch: dict) -> int:
            print("loading", batch["rows"], "rows of", batch["region"])
            return batch["rows"]

        load(transform(extract(region)))

    listed = regions()
    partitions = partition.expand(region=listed)

    with TaskGroup("quality", tooltip="Is it as much as it should be?") as quality:

        @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        def count(ti=None) -> int:
            return sum(ti.xcom_pull(task_ids="partition.load"))

        @task.branch
        def is_enough(rows: int) -> str:
            return "publish.swap" if rows >= THRESHOLD else "quality.too_few"

        too_few = EmptyOperator(task_id="too_few")
        enough = is_enough(count())
        enough >> too_few

    with TaskGroup("publish") as publish:
        swap = BashOperator(
            task_id="swap",
            bash_command="echo swapping {{ data_interval_start | ds }} {{ 'all' if params.full_refresh else 'one' }}",
            outlets=[SALES],
        )
        vacuum = BashOperator(task_id="vacuum", bash_command="exit 99")
        swap >> vacuum

    enough >> swap
    summary = BashOperator(
        task_id="summary",
        bash_command="echo {{ ti.xcom_pull('quality.count') }} rows of {{ ti.xcom_pull('regions') | length }} regions",
        trigger_rule=TriggerRule.ALL_DONE,
    )

    export_is_there >> listed
    partitions >> quality
    [too_few, vacuum] >> summary

with DAG(
    dag_id="nightly_elt_dashboards",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Oslo"),
    schedule=[SALES],
    catchup=False,
):

    @task
    def refresh(triggering_dataset_events=None):
        events = [event for found in triggering_dataset_events.values() for event in found]
        return [event.source_task_id for event in events]

    refresh()
