"""An operator of a plugin's module, and a plugin's macro."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from shop_plugin import Count

with DAG("plugins", start_date=datetime(2026, 1, 1), schedule=None):
    Count(task_id="count", things=["tea", "cups"])
    BashOperator(task_id="loud", bash_command="echo {{ macros.shop.loud('tea') }}")
