"""The README's first run, command by command, and every command it names."""

import re
from pathlib import Path

from tests.integration.server.api import wait_for
from tests.integration.server.conftest import NewServer
from tests.integration.server.curl import CURL, answer
from tests.integration.server.server import Server

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def commands(text: str) -> list[str]:
    """The lines of the blocks of shell commands."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def section(title: str) -> str:
    """What is under a headline."""
    return README.split(f" {title}\n")[1].split("\n#")[0]


COMMANDS = commands(README)


def test_the_first_run_goes_as_the_readme_says(new_server: NewServer) -> None:
    CURL.of_programs("curl")
    server = new_server()
    server.start()
    unpause, trigger, ask_run, ask_task = (
        line.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.api.port}")
        for line in commands(section("A first run"))
        if "curl" in line
    )
    assert answer(unpause) == {"response": "ok"}
    assert answer(trigger)["run_id"] == "manual__2026-01-01T00:00:00+00:00"
    wait_for(lambda: answer(ask_run) == {"state": "success"})
    assert answer(ask_task)["state"] == "success"
    (logs,) = (line for line in COMMANDS if "tasks logs" in line)
    log = server.command_line(*logs.split("-m chalicelib ")[1].split())
    assert "INFO - run manual__2026-01-01T00:00:00+00:00: 8 letters\n" in log


def test_the_first_user_gets_in_as_the_readme_says(new_server: NewServer) -> None:
    CURL.of_programs("curl")
    setting, _, create, curl = commands(section("Passwords"))
    server = new_server(**dict([setting.removeprefix("export ").split("=")]))
    server.start()
    assert server.command_line(*create.split("-m chalicelib ")[1].split(), stdin="secret") == (
        "User ada created\n"
    )
    asked = curl.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.api.port}")
    assert answer(asked.replace("--user ada", "--user ada:secret")) == {"status": "OK"}
    assert answer(asked.replace("--user ada", "--user ada:wrong")) == {"error": "Unauthorized"}


def test_events_trigger_as_the_readme_says(new_server: NewServer, tmp_path: Path) -> None:
    (declarations,) = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "events.toml"
    file.write_text(declarations)
    server = new_server(UPDRAFT__EVENTS__FILE=str(file))
    server.start()
    commands = [line for line in COMMANDS if "events send" in line]
    assert len(commands) == declarations.count("[[event]]")
    said = [server.command_line(*line.split("-m chalicelib ")[1].split()) for line in commands]
    expected = {re.findall(r"\(example_hello\): run (\S+)", text)[0] for text in said}
    wait_for(lambda: run_ids(server) == expected)


def run_ids(server: Server) -> set[str]:
    return {run["run_id"] for run in server.api.get("/dags/example_hello/dag_runs")}


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"\bmake ([a-z0-9-]+)`", README)) | {
        line.split()[1] for line in COMMANDS if line.startswith("make ")
    }
    assert named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:chalicelib|tests|\.chalice)/[\w./]*)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_setting_is_in_the_readme() -> None:
    sources = [ROOT / "chalicelib" / "settings.py", *(ROOT / "chalicelib" / "local").glob("*.py")]
    read = {
        name
        for path in sources
        for name in re.findall(r'"((?:AIRFLOW|UPDRAFT)__[A-Z0-9_]+)"', path.read_text())
    }
    listed = set(re.findall(r"`((?:AIRFLOW|UPDRAFT)__[A-Z0-9_]+)", README))
    assert read - listed - {"AIRFLOW__API__AUTH_BACKENDS"} == set()
