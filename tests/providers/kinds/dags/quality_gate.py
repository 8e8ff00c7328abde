"""Rows are published only if checks of columns and of the table hold; a branch picks the mode of the load."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.providers.common.sql.operators.sql import (
    BranchSQLOperator,
    SQLCheckOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor

with DAG(
    "quality_gate",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    default_args={"conn_id": "shop_db"},
):
    there = SqlSensor(task_id="there", sql="SELECT COUNT(*) FROM orders", mode="reschedule")
    columns = SQLColumnCheckOperator(
        task_id="columns",
        table="orders",
        column_mapping={"id": {"null_check": {"equal_to": 0}, "unique_check": {"equal_to": 0}}},
    )
    rows = SQLTableCheckOperator(
        task_id="rows", table="orders", checks={"some": {"check_statement": "COUNT(*) > 0"}}
    )
    any_today = SQLCheckOperator(
        task_id="any_today", sql="SELECT COUNT(*) FROM orders WHERE day = '{{ ds }}'"
    )
    amount = SQLThresholdCheckOperator(
        task_id="amount", sql="SELECT MAX(amount) FROM orders", min_threshold=1, max_threshold=100
    )
    too_many = SQLThresholdCheckOperator(
        task_id="too_many", sql="SELECT COUNT(*) FROM orders", min_threshold=0, max_threshold=2
    )
    mode = BranchSQLOperator(
        task_id="mode",
        sql="SELECT COUNT(*) > 1000 FROM orders",
        follow_task_ids_if_true="in_parts",
        follow_task_ids_if_false="at_once",
    )
    in_parts = EmptyOperator(task_id="in_parts")
    at_once = SQLExecuteQueryOperator(
        task_id="at_once", sql="SELECT SUM(amount) FROM orders", show_return_value_in_logs=True
    )
    held_back = EmptyOperator(task_id="held_back")
    there >> [columns, rows, any_today, amount] >> mode >> [in_parts, at_once]
    there >> too_many >> held_back
