"""Exceptions that a task ends by."""

from datetime import datetime

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def raising(error):
    def raise_it():
        raise error

    return raise_it


with DAG("skips_and_failures", start_date=datetime(2026, 1, 1), schedule=None):
    PythonOperator(task_id="skip", python_callable=raising(AirflowSkipException("not today")))
    PythonOperator(task_id="fail", python_callable=raising(AirflowException("no")))
    PythonOperator(task_id="fail_for_good", python_callable=raising(AirflowFailException("no")))
    BashOperator(task_id="exit_99", bash_command="exit 99")
    BashOperator(task_id="exit_42", bash_command="exit 42", skip_on_exit_code=[41, 42])
    BashOperator(task_id="exit_1", bash_command="exit 1")
