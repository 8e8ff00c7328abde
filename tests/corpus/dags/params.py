"""Params with schemas: a default, a required one, and what a conf gives."""

from datetime import datetime

from airflow import DAG
from airflow.decorators import task
from airflow.models.param import Param

with DAG(
    "params",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    params={
        "rows": Param(100, type="integer", minimum=1),
        "table": Param(type="string", pattern="^[a-z_]+$"),
        "mode": Param("append", enum=["append", "replace"]),
    },
):

    @task
    def show(params=None):
        return [params["rows"], params["table"], params["mode"]]

    show()
