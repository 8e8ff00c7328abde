"""Templates: macros, filters and macros of one's own, searched files, native values."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.operators.bash import BashOperator

with DAG(
    "templates",
    start_date=datetime(2026, 1, 1),
    schedule="@daily",
    user_defined_macros={"table": lambda day: f"sales_{day}"},
    user_defined_filters={"loud": str.upper},
    render_template_as_native_obj=True,
    catchup=False,
):
    BashOperator(
        task_id="macros",
        bash_command="echo {{ ds }} {{ macros.ds_add(ds, 1) }} {{ table(ds_nodash) }} {{ 'x' | loud }}",
    )

    @task
    def native(value):
        return [type(value).__name__, value]

    native("{{ [1, 2] + [3] }}")
