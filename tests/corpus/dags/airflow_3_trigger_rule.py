"""Rules and branches by Airflow 3's names."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG, TriggerRule, chain, task


def fail():
    raise ValueError("no")


with DAG("airflow_3_trigger_rule", schedule=None):

    @task.branch
    def choose():
        return "right"

    choose() >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    chain(
        [PythonOperator(task_id="fails", python_callable=fail), EmptyOperator(task_id="succeeds")],
        EmptyOperator(task_id="one", trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS),
    )
    ShortCircuitOperator(task_id="stop", python_callable=lambda: 0) >> EmptyOperator(task_id="stopped")
