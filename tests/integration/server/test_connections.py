"""Stored connections on the local server: kept encrypted, found by DAG files and tasks, shown by no log."""

import stat
from pathlib import Path

from tests.integration.server.conftest import NewServer

FILE = """
import os
from datetime import datetime
from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.python import PythonOperator

def connect():
    found = BaseHook.get_connection("db")
    print("to", found.host, "by", found.password)
    print(sorted(name for name in os.environ if "FERNET" in name))

with DAG("shop", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id=BaseHook.get_connection("db").schema, python_callable=connect)
"""

BACKED = """
from datetime import datetime
from airflow import DAG
from airflow.hooks.base import BaseHook
from airflow.operators.python import PythonOperator

with DAG("backed", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(
        task_id="tell", python_callable=lambda: print("to", BaseHook.get_connection("db").host)
    )
"""

DATE = "2026-01-01T00:00:00"


def test_dag_files_find_stored_connections(new_server: NewServer, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    server = new_server(dags)
    server.start()
    uri = "postgres://ada:tolstoy-1869@db.example/sales"
    server.command_line("connections", "add", "db", "--conn-uri", uri)
    (dags / "shop.py").write_text(FILE)
    server.command_line("sync")
    assert server.command_line("tasks", "list", "shop").split() == ["sales"]

    server.api.get("/dags/shop/paused/false")
    server.api.trigger("shop", execution_date=DATE).ends()
    log = server.command_line("tasks", "logs", "shop", "sales", "2026-01-01")
    assert "INFO - to db.example by ***\n" in log
    assert "INFO - []\n" in log
    assert "tolstoy" not in server.output + log + server.kept_logs

    key = server.state / "fernet.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    server.stop()
    kept = b"".join(path.read_bytes() for path in server.state.rglob("*") if path.is_file() and path != key)
    assert b"db.example" in kept
    assert b"tolstoy" not in kept

    server.start()
    assert uri in server.command_line("connections", "get", "db", "-o", "json")


def test_a_secrets_backend_of_files_comes_first(new_server: NewServer, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "backed.py").write_text(BACKED)
    (tmp_path / "connections.env").write_text("db=x://of.file\n")
    server = new_server(
        dags,
        AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        AIRFLOW__SECRETS__BACKEND_KWARGS=f'{{"connections_file_path": "{tmp_path}/connections.env"}}',
        AIRFLOW_CONN_DB="x://of.environment",
    )
    server.start()
    server.api.get("/dags/backed/paused/false")
    server.api.trigger("backed", execution_date=DATE).ends()
    assert "INFO - to of.file\n" in server.command_line("tasks", "logs", "backed", "tell", "2026-01-01")
