"""Callbacks of a DAG file, on a real server: called in processes of their own, in nobody's way."""

from pathlib import Path

from tests.integration.server.conftest import DAGS, NewServer
from tests.waiting import wait_for

NOTED = {
    "retry flaky 1": "not at once",
    "success flaky 2": "None",
    "skipped skips 1": "None",
    "success skips 1": "None",
    "failure dies 1": "its process ended with exit status 1 before the task was over",
    "success empty 1": "None",
    "success fork 1": "None",
    "dag_failure task_failure 0": "None",
    "failed": "dies",
    "hangs": "",
}


def test_everybody_is_called_back_and_a_callback_that_hangs_holds_nobody_up(
    new_server: NewServer, tmp_path: Path
) -> None:
    server = new_server(DAGS, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False")
    server.start()
    notes = tmp_path / "notes"
    notes.mkdir()
    run = server.api.trigger("calling_back", conf={"folder": str(notes)})
    assert run.ends() == "failed"
    wait_for(lambda: {note.name: note.read_text() for note in notes.iterdir()} == NOTED)

    log = server.command_line("tasks", "logs", "calling_back", "dies", run.execution_date)
    assert "RuntimeError: a broken callback" in log
    assert "failure of dies was called" in log
