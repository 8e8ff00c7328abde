"""A function that runs in another Python."""

import sys
from datetime import datetime

from airflow import DAG
from airflow.decorators import task

with DAG("taskflow_virtualenv", start_date=datetime(2026, 1, 1), schedule=None):

    @task.external_python(python=sys.executable, expect_airflow=False)
    def elsewhere(number):
        import math

        return math.factorial(number)

    elsewhere(5)
