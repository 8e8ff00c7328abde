"""Stored variables in DAG files, on the local server: when a file is loaded, and while its tasks run."""

from pathlib import Path

from tests.integration.server.conftest import NewServer

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.models import Variable
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

def remember():
    Variable.set("seen", Variable.get("city") + "!")
    print("the password is", Variable.get("db_password"))

with DAG("places", start_date=datetime(2024, 1, 1), schedule=None):
    told = BashOperator(task_id="tell", bash_command="echo it is {{ var.value.city }}")
    told >> PythonOperator(task_id="remember", python_callable=remember)
    for name in Variable.get("names", default_var=[], deserialize_json=True):
        BashOperator(task_id=name, bash_command="true")
"""


def test_dag_files_find_stored_variables(new_server: NewServer, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "places.py").write_text(FILE)
    server = new_server(dags)
    server.start()
    for key, value in (("city", "Ulm"), ("db_password", "tolstoy-1869"), ("names", '["east", "west"]')):
        server.command_line("variables", "set", key, value)

    server.command_line("sync")
    assert server.command_line("tasks", "list", "places").split() == ["east", "remember", "tell", "west"]

    server.api.get("/dags/places/paused/false")
    server.api.trigger("places", execution_date="2026-01-01T00:00:00").ends()
    assert server.command_line("variables", "get", "seen") == "Ulm!\n"
    assert "INFO - it is Ulm\n" in server.command_line("tasks", "logs", "places", "tell", "2026-01-01")
    log = server.command_line("tasks", "logs", "places", "remember", "2026-01-01")
    assert "INFO - the password is ***\n" in log
    assert "tolstoy" not in server.output + log + server.kept_logs
    assert "the password is ***" in server.kept_logs
