"""A DAG made by ``@dag``, whose arguments become params."""

from datetime import datetime

from airflow.decorators import dag, task


@dag(start_date=datetime(2026, 1, 1), schedule=None, tags=["taskflow"])
def dag_decorator(city: str = "Bergen"):
    """Greets a city."""

    @task
    def greet(name: str) -> str:
        return f"hello {name}"

    @task
    def shout(text: str) -> str:
        return text.upper()

    shout(greet(city))


dag_decorator()
