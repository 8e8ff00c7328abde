"""Postgres kinds: COPY, bulk loads, mapped writes, transactions, checks, numbers and times through XCom."""

import os
from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import task
from airflow.hooks.base import BaseHook
from airflow.providers.common.sql.operators.sql import (
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLTableCheckOperator,
    SQLValueCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.providers.postgres.hooks.postgres import PostgresHook

with DAG(
    "own_pg_kinds",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"conn_id": "warehouse", "retry_delay": timedelta(seconds=1)},
) as dag:
    create = SQLExecuteQueryOperator(
        task_id="create",
        sql="CREATE TABLE facts (id SERIAL PRIMARY KEY, day DATE, n NUMERIC(8, 2), at TIMESTAMPTZ, tags TEXT[], body JSONB)",
    )
    fill = SQLExecuteQueryOperator.partial(
        task_id="fill",
        sql="INSERT INTO facts (day, n, at, tags, body) VALUES (%(day)s, %(n)s, '{{ ts }}', ARRAY['a', '{{ ds }}'], %(body)s) RETURNING id",
        max_active_tis_per_dag=1,
    ).expand(parameters=[{"day": "2026-01-01", "n": 1.25, "body": '{"k": [1, 2]}'}, {"day": "2026-01-02", "n": 2, "body": "{}"}])
    read = SQLExecuteQueryOperator(
        task_id="read", sql="SELECT day, n, at, tags, body, n > 1, NULL, 'ü' FROM facts WHERE day = '2026-01-01'"
    )
    several = SQLExecuteQueryOperator(
        task_id="several", sql="SELECT 1; SELECT 2, 3;", split_statements=True, return_last=False
    )
    columns = SQLColumnCheckOperator(
        task_id="columns", table="facts", column_mapping={"n": {"min": {"greater_than": 0}, "distinct_check": {"equal_to": 2}}}
    )
    table = SQLTableCheckOperator(
        task_id="table", table="facts", checks={"days": {"check_statement": "MIN(day) = '2026-01-01'", "partition_clause": "n > 0"}}
    )
    value = SQLValueCheckOperator(task_id="value", sql="SELECT SUM(n) FROM facts", pass_value=3.3, tolerance=0.1)
    wrong = SQLValueCheckOperator(task_id="wrong", sql="SELECT SUM(n) FROM facts", pass_value=9, retries=1)
    syntax = SQLExecuteQueryOperator(task_id="syntax", sql="SELEC 1", retries=1)
    unique = SQLExecuteQueryOperator(task_id="unique", sql="INSERT INTO customers VALUES (1, 'Again')")
    waits = SqlSensor(task_id="waits", sql="SELECT id FROM facts WHERE day = '{{ ds }}'", mode="reschedule", poke_interval=1, timeout=20)

    @task
    def bulk():
        hook = PostgresHook(postgres_conn_id="warehouse")
        folder = os.environ["CORPUS_DIR"]
        with open(f"{folder}/own_bulk.tsv", "w") as file:
            file.write("10\tten\t1.5\n11\televen\t2.5\n")
        hook.bulk_load("landing", f"{folder}/own_bulk.tsv")
        hook.bulk_dump("landing", f"{folder}/own_dump.tsv")
        hook.copy_expert("COPY (SELECT label FROM landing ORDER BY id) TO STDOUT WITH CSV HEADER", f"{folder}/own_copy.csv")
        with open(f"{folder}/own_dump.tsv") as dump, open(f"{folder}/own_copy.csv") as copy:
            return [dump.read(), copy.read()]

    @task
    def hooks():
        hook = BaseHook.get_connection("warehouse").get_hook(hook_params={"options": "-c statement_timeout=4s"})
        assert isinstance(hook, PostgresHook)
        hook.insert_rows(
            "customers", [(1, "Ada L."), (9, "Nine")], target_fields=["id", "name"], replace=True, replace_index="id"
        )
        with hook.get_conn() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, name FROM customers WHERE id IN (1, 9) ORDER BY id")
            rows = cursor.fetchall()
        keys = hook.get_table_primary_key("customers")
        return [rows, keys, hook.get_first("SHOW statement_timeout"), hook.get_records("SELECT %s, %s", parameters=("a", 1))]

    create >> fill >> [read, columns, table, value, wrong]
    create >> waits
    [bulk(), hooks(), several] >> unique
