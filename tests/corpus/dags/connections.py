"""Connections, by a hook of one's own and by templates."""

from datetime import datetime

from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


class ShopHook(BaseHook):
    conn_name_attr = "shop_conn_id"

    def get_conn(self):
        connection = self.get_connection("shop")
        return [connection.host, connection.port, connection.extra_dejson.get("region")]


with DAG("connections", start_date=datetime(2026, 1, 1), schedule=None):
    PythonOperator(task_id="hook", python_callable=lambda: ShopHook().get_conn())
    BashOperator(task_id="template", bash_command="echo {{ conn.shop.login }}@{{ conn.shop.host }}")
