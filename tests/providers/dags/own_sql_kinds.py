"""SQL kinds: mapped queries, other checks, transfers, templated files, parameters of all forms, 1.10's paths of core."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.operators.empty import EmptyOperator
from airflow.operators.sql import SQLCheckOperator, SQLValueCheckOperator
from airflow.providers.common.sql.hooks.sql import DbApiHook, fetch_all_handler, fetch_one_handler
from airflow.providers.common.sql.operators.sql import (
    BranchSQLOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLIntervalCheckOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.providers.sqlite.hooks.sqlite import SqliteHook
from airflow.sensors.sql import SqlSensor as OldSqlSensor

with DAG(
    "own_sql_kinds",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"conn_id": "sqlite_default", "retry_delay": timedelta(seconds=1)},
    template_searchpath=["sql"],
    params={"limit": 25},
) as dag:
    counts = SQLExecuteQueryOperator.partial(
        task_id="counts", sql="SELECT COUNT(*), SUM(amount) FROM orders WHERE day = :day", handler=fetch_one_handler
    ).expand(parameters=[{"day": "2026-01-01"}, {"day": "2026-01-02"}])
    tables = SQLExecuteQueryOperator.partial(task_id="tables", split_statements=False).expand(
        sql=[f"SELECT COUNT(*) FROM {name}" for name in ("customers", "orders")]
    )
    positional = SQLExecuteQueryOperator(
        task_id="positional", sql="SELECT id FROM orders WHERE amount > ? AND status = ?", parameters=[15, "paid"]
    )
    templated = SQLExecuteQueryOperator(
        task_id="templated",
        sql="SELECT id FROM orders WHERE amount > {{ params.limit }} AND day <= '{{ macros.ds_add(ds, 1) }}'",
        handler=lambda cursor: [row[0] for row in cursor.fetchall()],
        show_return_value_in_logs=True,
    )
    script = SQLExecuteQueryOperator(
        task_id="script",
        sql=["CREATE TABLE own (id INTEGER, n INTEGER)", "INSERT INTO own VALUES (1, {{ dag_run.logical_date.day }})"],
        autocommit=True,
    )
    column = SQLColumnCheckOperator(
        task_id="column",
        table="orders",
        partition_clause="day = '{{ ds }}'",
        column_mapping={"amount": {"min": {"geq_to": 10}, "max": {"leq_to": 50, "tolerance": 0.1}, "null_check": {"equal_to": 0}}},
    )
    table = SQLTableCheckOperator(
        task_id="table", table="orders", checks={"rows": {"check_statement": "COUNT(*) = 5"}, "sum": {"check_statement": "SUM(amount) > 100"}}
    )
    threshold = SQLThresholdCheckOperator(
        task_id="threshold", sql="SELECT AVG(amount) FROM orders", min_threshold="SELECT 1", max_threshold=100
    )
    interval = SQLIntervalCheckOperator(
        task_id="interval", table="daily_metrics", metrics_thresholds={"clicks": 1.5, "views": 1.2}, days_back=-1, retries=1
    )
    old = SQLCheckOperator(task_id="old", sql="SELECT COUNT(*) FROM orders")
    old_value = SQLValueCheckOperator(task_id="old_value", sql="SELECT 4", pass_value="{{ 4 }}", tolerance=0.1)
    old_wrong = SQLValueCheckOperator(task_id="old_wrong", sql="SELECT 4", pass_value=5)
    waits = SqlSensor(
        task_id="waits", sql="SELECT n FROM own WHERE n = %(n)s" if False else "SELECT COUNT(*) FROM own", poke_interval=1,
        timeout=20, mode="reschedule", success=lambda count: count > 0,
    )
    old_waits = OldSqlSensor(task_id="old_waits", sql="SELECT 1", poke_interval=1, timeout=5)
    branch = BranchSQLOperator(
        task_id="branch", sql="SELECT n > 1 FROM own", follow_task_ids_if_true="yes", follow_task_ids_if_false=["no"]
    )

    @task(retries=1)
    def hooks():
        hook = SqliteHook()
        assert isinstance(hook, DbApiHook)
        hook.insert_rows("own", [(7, 1), (8, 2)], target_fields=["id", "n"])
        rows = hook.get_records("SELECT id FROM own WHERE id > ? ORDER BY id", parameters=(6,))
        found = hook.run(["SELECT 1", "SELECT 2"], handler=fetch_all_handler, return_last=False)
        return [rows, found, hook.get_first("SELECT MAX(n) FROM own"), hook.get_uri().startswith("sqlite:///")]

    @task
    def report(counted, ids):
        return [[list(each) for each in counted], ids]

    report(counts.output, templated.output)
    script >> waits >> branch >> [EmptyOperator(task_id="yes"), EmptyOperator(task_id="no")]
    script >> hooks()
    old_wrong >> EmptyOperator(task_id="after_wrong")
