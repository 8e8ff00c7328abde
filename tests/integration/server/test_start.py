"""What the server says when something is wrong: one line each, and never a stack trace."""

import os
import socket
from pathlib import Path

import pytest

from tests.integration.server.conftest import NewServer
from tests.integration.server.server import Server

BROKEN_FILES = {
    "syntax.py": "# an airflow dag\nwith DAG(",
    "unknown_import.py": "# a dag\nimport airflow\nimport no_such_module\n",
    "deadly.py": "# a dag\nimport airflow\nimport os\n\nos._exit(7)\n",
}
SOUND_FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG("sound", schedule=None, start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="only")
"""


def test_broken_dag_files_are_told_in_a_line_each_and_the_others_are_served(
    new_server: NewServer, tmp_path: Path
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    for name, code in {**BROKEN_FILES, "sound.py": SOUND_FILE}.items():
        (dags / name).write_text(code)
    server = new_server(dags)

    server.start()

    deadly, syntax, unknown_import, *rest = server.output.splitlines()
    ended = "loading it ended the process (exit code 7)"
    assert deadly == f"Broken DAG file {dags}/deadly.py: {ended}"
    assert syntax.startswith(f"Broken DAG file {dags}/syntax.py: SyntaxError: ")
    problem = (
        "ModuleNotFoundError: No module named 'no_such_module'; put no-such-module into requirements.txt in "
        "the DAGs folder, or the module no_such_module into that folder or the plugins folder"
    )
    assert unknown_import == f"Broken DAG file {dags}/unknown_import.py: line 3: {problem}"
    assert len(rest) == 2  # the API is open; ready
    assert server.api.get("/dags/sound/paused") == {"is_paused": True}
    assert "/dags/sound/" in server.proposal


def test_a_folder_of_dags_may_be_named_relative_to_where_the_server_is_started(
    new_server: NewServer,
) -> None:
    unpaused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    server = new_server(Path("tests/integration/server/dags"), **unpaused)
    server.start()
    assert server.api.trigger("napping", conf={"seconds": 0}).ends() == "success"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__API__AUTH_BACKEND", "nope"),
        ("AIRFLOW__API__AUTH_BACKENDS", "nope,airflow.api.auth.backend.session"),
        ("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "perhaps"),
        ("PORT", "eighty"),
        ("UPDRAFT__LOCAL__MAX_WORKERS", "0"),
    ],
)
def test_a_bad_setting_is_told_in_one_line(new_server: NewServer, name: str, value: str) -> None:
    line = new_server(**{name: value}).refuse_to_start()
    assert line.startswith(f"{name.replace('BACKENDS', 'BACKEND')} is {value.split(',')[0]!r}; it takes ")


def test_a_run_id_pattern_that_is_none_is_told_in_one_line(new_server: NewServer) -> None:
    line = new_server(AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN="(").refuse_to_start()
    assert line.startswith(
        "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN is '(', which is no regular expression"
    )


def test_a_missing_dags_folder_is_told_in_one_line(new_server: NewServer, tmp_path: Path) -> None:
    line = new_server(tmp_path / "nowhere").refuse_to_start()
    assert line == f"There is no DAGs folder {tmp_path}/nowhere. Set AIRFLOW__CORE__DAGS_FOLDER to one."


def test_a_taken_port_is_told_in_one_line(new_server: NewServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = new_server(PORT=str(port)).refuse_to_start()
    assert line == f"Port {port} cannot be used: Address already in use. Set PORT to another one."


def test_a_state_folder_that_cannot_be_written_is_told_in_one_line(
    new_server: NewServer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "state"
    line = new_server(UPDRAFT__LOCAL__STATE_DIR=str(folder)).refuse_to_start()
    assert line.startswith(f"The state folder {folder} cannot be written: ")


def test_a_state_folder_in_use_is_told_in_one_line_and_its_user_goes_on(
    server: Server, new_server: NewServer, tmp_path: Path
) -> None:
    shared = tmp_path / "link"
    os.symlink(server.state, shared)
    line = new_server(UPDRAFT__LOCAL__STATE_DIR=str(shared)).refuse_to_start()
    assert " is in use by another local server (process " in line
    assert server.api.get("/test") == {"status": "OK"}
