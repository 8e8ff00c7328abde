"""Variables, as texts and as JSON, in Python and in templates; one is set."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.models import Variable
from airflow.operators.bash import BashOperator

with DAG("variables", start_date=datetime(2026, 1, 1), schedule=None):

    @task
    def read():
        return [
            Variable.get("city"),
            Variable.get("limits", deserialize_json=True)["rows"],
            Variable.get("none", "?"),
        ]

    @task
    def write():
        Variable.set("city", "Oslo")
        return Variable.get("city")

    (
        read()
        >> BashOperator(
            task_id="template", bash_command="echo {{ var.value.city }} {{ var.json.limits.rows }}"
        )
        >> write()
    )
