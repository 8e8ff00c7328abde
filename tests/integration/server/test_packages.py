"""User packages on the local server: installed at its start, seen by tasks, and looked after."""

import os
from pathlib import Path

from tests.integration.server.conftest import NewServer
from tests.integration.user_packages.wheels import write_wheel
from tests.waiting import wait_for

FILE = """
from datetime import datetime
import our_lib
from airflow import DAG
from airflow.operators.python import PythonOperator

def tell():
    import our_lib
    assert our_lib.VERSION == "1.0"

with DAG("with_package", schedule=None, start_date=datetime(2024, 1, 1)):
    PythonOperator(task_id="tell", python_callable=tell)
"""
SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_INDEX": "1",
}


def test_tasks_find_what_requirements_txt_names_and_a_change_of_it_is_told(
    new_server: NewServer, tmp_path: Path
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    wheel = write_wheel(dags, "our-lib", "1.0")
    (dags / "file.py").write_text(FILE)
    requirements = dags / "requirements.txt"
    requirements.write_text(f"./{wheel.name}\n")
    server = new_server(dags, **SETTINGS)

    server.start()

    assert "User packages: 1 distribution, 0.0 MB (largest: our-lib 0.0 MB)" in server.output.splitlines()
    assert server.api.trigger("with_package").ends() == "success"
    requirements.write_text("-e .\n")
    wait_for(lambda: "requirements.txt, line 1: '-e .' cannot be deployed" in server.output)
    requirements.write_text("six\n")
    told = "requirements.txt has changed: start again to install what it asks for now."
    wait_for(lambda: told in server.output)
    requirements.write_text("-e .\n")
    server.stop()
    assert server.refuse_to_start().startswith("requirements.txt, line 1: '-e .' cannot be deployed")
