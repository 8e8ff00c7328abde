"""The commands of the pages that need a server, as they stand there: a first run, a first user, events."""

import re
from pathlib import Path

from tests.integration.server.conftest import NewServer
from tests.integration.server.curl import CURL, answer
from tests.integration.server.server import Server
from tests.pages import PAGES, blocks, commands, page, section
from tests.waiting import wait_for


def test_the_first_run_goes_as_the_readme_says(new_server: NewServer) -> None:
    CURL.of_programs("curl")
    server = new_server()
    server.start()
    said = commands(section(PAGES["README.md"], "A first run"))
    unpause, trigger, ask_run, ask_task = (
        line.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.api.port}")
        for line in said
        if "curl" in line
    )
    assert answer(unpause) == {"response": "ok"}
    assert answer(trigger)["run_id"] == "manual__2026-01-01T00:00:00+00:00"
    wait_for(lambda: answer(ask_run) == {"state": "success"})
    assert answer(ask_task)["state"] == "success"
    (logs,) = (line for line in said if "tasks logs" in line)
    log = server.command_line(*logs.split("-m chalicelib ")[1].split())
    assert "INFO - run manual__2026-01-01T00:00:00+00:00: 8 letters\n" in log


def test_the_first_user_gets_in_as_the_page_says(new_server: NewServer) -> None:
    CURL.of_programs("curl")
    setting, _, create, curl = commands(section(page("auth"), "Passwords"))
    server = new_server(**dict([setting.removeprefix("export ").split("=")]))
    server.start()
    assert server.command_line(*create.split("-m chalicelib ")[1].split(), stdin="secret") == (
        "User ada created\n"
    )
    asked = curl.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.api.port}")
    assert answer(asked.replace("--user ada", "--user ada:secret")) == {"status": "OK"}
    assert answer(asked.replace("--user ada", "--user ada:wrong")) == {"error": "Unauthorized"}


def test_events_trigger_as_the_page_says(new_server: NewServer, tmp_path: Path) -> None:
    declarations, of_datasets = blocks(page("events"), "toml")
    file = tmp_path / "events.toml"
    file.write_text(f"{declarations}\n{of_datasets}")
    server = new_server(UPDRAFT__EVENTS__FILE=str(file))
    server.start()
    sent = commands(page("events"))
    assert len(sent) == declarations.count("[[event]]")
    said = [server.command_line(*line.split("-m chalicelib ")[1].split()) for line in sent]
    expected = {re.findall(r"\(example_hello\): run (\S+)", text)[0] for text in said}
    wait_for(lambda: run_ids(server) == expected)


def run_ids(server: Server) -> set[str]:
    return {run["run_id"] for run in server.api.get("/dags/example_hello/dag_runs")}
