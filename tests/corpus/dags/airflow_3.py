"""A DAG of Airflow 3: its names, its context."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Variable, get_current_context, task, task_group

with DAG("airflow_3", schedule=None, tags=["3"]):

    @task
    def keys():
        context = get_current_context()
        return sorted({"execution_date", "logical_date", "dag_run"} & context.keys())

    @task_group
    def group():
        BashOperator(task_id="echo", bash_command="echo {{ ds }}") >> keys()

    @task
    def city():
        return Variable.get("city", default="nowhere")

    group() >> city()
