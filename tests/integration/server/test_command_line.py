"""Every command's example, run beside a local server; Airflow's JSON client, and dead letters."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chalicelib.cli import airflow_1_10, updraft
from tests.integration.server.conftest import NewServer
from tests.integration.server.server import ROOT, Server, running
from tests.pages import page, quoted, table
from tests.waiting import PATIENCE_SECONDS, wait_for

PROGRAM = "python -m chalicelib "
COMMAND_LINE = page("command-line")

FIRST = (" set ", " create ", " export ", "pool -s ")
"""What others build on..."""
LAST = (" delete ", " clear ", " cancel ", " set-state ")
"""...and what takes it away, or changes it."""
REFUSED = (
    "connections create-default-connections",
    "connections test",
    "datasets events",
    "providers get",
)
"""What is refused, whatever is asked; no DAG of the server names a dataset, and no package is installed."""


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield " ".join((*names, name)), command


COMMANDS = dict(commands(updraft))


def example(command: click.Command) -> str:
    (found,) = re.findall(r"^ *Example: (.+)$", command.help or "", re.MULTILINE)
    return str(found)


def order(text: str) -> int:
    return 0 if any(word in text for word in FIRST) else 2 if any(word in text for word in LAST) else 1


EXAMPLES = sorted({example(command) for command in COMMANDS.values()}, key=lambda text: (order(text), text))
HAS_PICTURES = shutil.which("dot")
SHIPPED_DAGS = sorted(path.stem for path in (ROOT / "chalicelib" / "dags").glob("*.py"))
ON_A_STAGE = [text for text in EXAMPLES if "UPDRAFT__AWS__STAGE=" in text or " --stage " in text]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the example DAGs, as they are at the first start, but one unpaused."""
    with running(tmp_path_factory.mktemp("shipped")) as server:
        server.api.get("/dags/example_hello/paused/false")
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples are run: what they write is not left in the project."""
    made = tmp_path_factory.mktemp("examples")
    (made / "tests").symlink_to(ROOT / "tests")
    (made / "chalicelib").mkdir()
    (made / "chalicelib" / "dags").symlink_to(ROOT / "chalicelib" / "dags")
    return made


def run_in(
    folder: Path, server: Server, text: str, stdin: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", text.replace("python ", f"{shlex.quote(sys.executable)} ", 1)],
        cwd=folder,
        env={**server.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(folder), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_every_command_shows_an_example(name: str) -> None:
    command = COMMANDS[name]
    text = example(command)
    named = shlex.split(text.split(PROGRAM)[1])
    group: click.Command = updraft
    while isinstance(group, click.Group):
        group = group.commands[named.pop(0)]
    assert group.callback is command.callback


def test_every_example_works(new_server: NewServer, folder: Path) -> None:
    """In one test, for some need what others did; on a server of its own, for they leave much behind."""
    server = new_server()
    server.start()
    server.api.get("/dags/example_hello/paused/false")
    server.api.trigger("example_hello", execution_date="2026-01-01T00:00:00").ends()
    for text in EXAMPLES:
        if text not in ON_A_STAGE and (HAS_PICTURES or " --save " not in text):
            done = run_in(folder, server, text, stdin="secret\n")
            assert done.returncode == any(each in text for each in REFUSED), f"{text}: {done.stderr}"
            assert "Traceback" not in done.stderr


def test_the_page_lists_every_command_and_no_other() -> None:
    rows = table(COMMAND_LINE, "command", "what it does")
    listed = [name for row in rows for name in quoted(row[0])]
    assert sorted(listed) == sorted(COMMANDS)


def test_1_10_commands_are_in_their_places() -> None:
    assert airflow_1_10.COMMANDS.keys() <= COMMANDS.keys()


# -- completion ----------------------------------------------------------------------------------------


def completions(server: Server, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word, set up as the page says."""
    (setup,) = re.findall(r'^eval "\$\(.* completion bash\)"$', COMMAND_LINE, re.MULTILINE)
    typed = " ".join(shlex.quote(word) for word in ("updraft", *words))
    script = f"""
        {setup.replace(".venv/bin/python", shlex.quote(sys.executable))}
        COMP_WORDS=({typed})
        COMP_CWORD={len(words)}
        cd {shlex.quote(str(folder))}
        _updraft_completion
        printf '%s\\n' "${{COMPREPLY[@]}}"
        complete -p updraft >&2
        updraft version >&2
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=ROOT,
        env=server.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.stderr == "complete -F _updraft_completion updraft\n2.10.5\n"
    return done.stdout.split()


def test_bash_completes_commands_options_and_ids(shipped: Server, tmp_path: Path) -> None:
    assert completions(shipped, tmp_path, "tas") == ["task_failed_deps", "task_state", "tasks"]
    assert "--only-failed" in completions(shipped, tmp_path, "tasks", "clear", "--o")
    assert completions(shipped, tmp_path, "dags", "list", "-o", "") == ["table", "json", "yaml", "plain"]
    assert completions(shipped, tmp_path, "dags", "state", "example") == SHIPPED_DAGS
    named = completions(shipped, tmp_path, "tasks", "logs", "example_hello", "")
    assert sorted(named) == ["count", "greet", "report", "shout"]


def test_nothing_is_offered_and_nothing_said_where_no_server_runs(shipped: Server, tmp_path: Path) -> None:
    alone = Server(tmp_path)
    assert completions(alone, tmp_path, "dags", "state", "") == []


@pytest.mark.parametrize("shell", ["fish", "zsh"])
def test_other_shells_get_a_script_too(shipped: Server, folder: Path, shell: str) -> None:
    script = run_in(folder, shipped, f"{PROGRAM}completion {shell}").stdout
    assert f"_UPDRAFT_COMPLETE={shell}_complete" in script
    assert sys.executable in script
    assert "$program" not in script


# -- following -----------------------------------------------------------------------------------------


def test_a_log_is_followed_until_its_task_is_over(shipped: Server, folder: Path) -> None:
    shipped.api.trigger("example_hello", execution_date="2026-03-01T00:00:00")
    done = run_in(
        folder, shipped, f"{PROGRAM}tasks logs example_hello report 2026-03-01 --follow --interval 0.1"
    )
    assert done.returncode == 0, done.stderr
    assert "INFO - run manual__2026-03-01T00:00:00+00:00: 10 letters\n" in done.stdout


# -- [cli] api_client ----------------------------------------------------------------------------------


def over_http(folder: Path, server: Server, text: str, port: int) -> subprocess.CompletedProcess[str]:
    """A command of someone who has nothing but airflow.cfg: neither the state folder nor AWS."""
    (folder / "airflow.cfg").write_text(
        f"[cli]\napi_client = airflow.api.client.json_client\nendpoint_url = http://127.0.0.1:{port}/\n"
    )
    return run_in(folder, server, PROGRAM + text, UPDRAFT__LOCAL__STATE_DIR=str(folder / "nowhere"))


def test_the_json_client_triggers_and_deletes_over_http(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    server.start()
    port = server.api.port
    done = over_http(
        tmp_path,
        server,
        "trigger_dag example_branch -e 2025-01-01 -r over_http -c '{\"n\": 1}' -o json",
        port,
    )
    assert done.stderr == ""
    (shown,) = json.loads(done.stdout)
    assert shown["dag_run_id"] == "over_http"
    assert shown["message"].startswith("Created <DagRun example_branch @ 2025-01-01")
    again = over_http(tmp_path, server, "dags trigger example_branch -e 2025-01-01", port)
    assert again.returncode == 1
    assert "A DAG Run already exists" in again.stderr
    assert "Traceback" not in again.stderr
    deleted = over_http(tmp_path, server, "delete_dag -y example_branch", port)
    assert (deleted.returncode, deleted.stdout) == (0, "Removed 2 record(s)\n")


def test_the_json_client_looks_after_pools_over_http(shipped: Server, tmp_path: Path) -> None:
    port = shipped.api.port
    said = [
        over_http(tmp_path, shipped, text, port).stdout
        for text in (
            "pool -s http/pool 3 'by HTTP'",
            "pools get http/pool -o json",
            f"pools export {tmp_path / 'pools.json'}",
            "pools delete http/pool",
        )
    ]
    assert said[0] == "Pool http/pool created\n"
    (shown,) = json.loads(said[1])
    assert shown == {"pool": "http/pool", "slots": "3", "description": "by HTTP", "include_deferred": "False"}
    assert said[3] == "Pool http/pool deleted\n"
    exported = json.loads((tmp_path / "pools.json").read_text())
    assert exported["http/pool"] == {"slots": 3, "description": "by HTTP", "include_deferred": False}


def test_nobody_at_the_endpoint_is_one_line(shipped: Server, tmp_path: Path) -> None:
    done = over_http(tmp_path, shipped, "pools list", port=1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: http://127.0.0.1:1 did not answer as the API does")
    assert done.stderr.count("\n") == 1


# -- dead letters --------------------------------------------------------------------------------------


def test_dead_letters_are_listed_and_sent_back(shipped: Server, folder: Path) -> None:
    message = json.dumps({"kind": "nobody declared this"})
    assert run_in(folder, shipped, f"{PROGRAM}events send -", stdin=message).returncode == 0

    def sent_back() -> bool:
        done = run_in(folder, shipped, f"{PROGRAM}deadletters redrive --queue events")
        return re.fullmatch(r"events: [1-9]\d* sent back\n", done.stdout) is not None

    def listed() -> list[dict[str, str]]:
        done = run_in(folder, shipped, f"{PROGRAM}deadletters list --queue events -o json")
        return [row for row in json.loads(done.stdout) if row["body"] == message]

    wait_for(sent_back)
    letters: list[dict[str, str]] = []

    def is_back() -> bool:
        letters.extend(listed())
        return letters != []

    wait_for(is_back)  # nothing fits it, so it comes back
    assert letters[0]["queue"] == "events"
    assert letters[0]["reason"] != ""


def test_no_server_is_said_in_one_line(shipped: Server, tmp_path: Path) -> None:
    done = run_in(tmp_path, shipped, f"{PROGRAM}dags list", UPDRAFT__LOCAL__STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: No local server runs on the state folder")
    assert done.stderr.count("\n") == 1
