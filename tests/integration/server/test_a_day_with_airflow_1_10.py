"""A day of an Airflow 1.10 user who has changed airflow.cfg, to the new endpoint, and nothing else.

What 1.10's command line does is known from its source (``airflow/bin/cli.py``). Each difference that is
asserted here is on the page of differences, and no other is known.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.cli import updraft
from tests.integration.server.server import ROOT, Server, running
from tests.pages import page, section
from tests.waiting import PATIENCE_SECONDS, wait_for

PASSWORD_AUTH = "airflow.contrib.auth.backends.password_auth"
DIFFERENCES = section(page("differences-from-airflow"), "For a user of Airflow 1.10's command line")


class User:
    """Somebody at a shell, with an ``airflow.cfg`` of 1.10's; the stage is that of a local server."""

    def __init__(self, home: Path, server: Server) -> None:
        self._home = home
        self._server = server
        self.endpoint = f"http://ada:s%40cret@127.0.0.1:{server.api.port}"
        (home / "airflow.cfg").write_text(
            "[core]\n"
            "dags_folder = /usr/local/airflow/dags\n"
            "executor = CeleryExecutor\n"
            "log_format = [%%(asctime)s] %%(levelname)s - %%(message)s\n"
            "[cli]\n"
            "api_client = airflow.api.client.json_client\n"
            f"endpoint_url = {self.endpoint.replace('%', '%%')}\n"
            "[api]\n"
            f"auth_backend = {PASSWORD_AUTH}\n"
        )

    def types(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "chalicelib", *arguments],
            cwd=self._home,
            env={**self._server.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(self._home), **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def sees(self, *arguments: str) -> str:
        done = self.types(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    folder = tmp_path_factory.mktemp("day")
    with running(folder, AIRFLOW__API__AUTH_BACKEND=PASSWORD_AUTH) as server:
        server.command_line("users", "create", "ada", stdin="s@cret\n")
        yield User(folder, server)


def test_a_run_is_made_watched_cleared_and_deleted(user: User) -> None:
    date = "2026-01-01"
    assert "example_hello" in user.sees("list_dags", "-sd", "/usr/local/airflow/dags")
    assert user.sees("list_tasks", "example_hello").split() == ["count", "greet", "report", "shout"]
    user.sees("unpause", "example_hello")
    made = user.sees("trigger_dag", "example_hello", "-r", "mine", "-e", date, "-c", '{"who": "me"}')
    assert "Created <DagRun example_hello @ 2026-01-01 00:00:00+00:00: mine" in made

    wait_for(lambda: user.sees("dag_state", "example_hello", date) == 'success, {"who": "me"}\n')
    assert user.sees("task_state", "example_hello", "report", date) == "success\n"
    assert "mine" in user.sees("list_dag_runs", "example_hello", "--state", "success")
    assert "mine" not in user.sees("list_dag_runs", "example_hello", "--state", "failed")

    chosen = ("-t", "^report$", "-s", date, "-e", date)
    cleared = user.sees("clear", "-c", "-sd", "dags", *chosen, "example_hello")
    assert "report: success" in cleared
    wait_for(lambda: user.sees("task_state", "example_hello", "report", date) == "success\n")
    user.sees("pause", "example_hello")
    assert user.sees("delete_dag", "-y", "example_hello").startswith("Removed ")
    assert user.types("task_state", "example_hello", "report", date).returncode == 1


def test_a_backfill_returns_when_its_runs_are_over(user: User) -> None:
    told = user.sees("backfill", "example_branch", "-s", "2026-01-01", "-e", "2026-01-02")
    for day in (1, 2):
        assert f"2026-01-0{day}T00:00:00+00:00: success\n" in told
    listed = user.sees("list_dag_runs", "example_branch", "--state", "success")
    assert len(re.findall("backfill__", listed)) == 2


def test_pools_and_variables_are_looked_after(user: User, tmp_path: Path) -> None:
    file = str(tmp_path / "variables.json")
    user.sees("pool", "-s", "reports", "4", "at most four")
    assert "at most four" in user.sees("pool", "-g", "reports")
    assert "reports" in user.sees("pool")
    user.sees("pool", "-x", "reports")
    user.sees("variables", "-s", "city", "Ulm")
    user.sees("variables", "-s", "sizes", "[1, 2]")
    assert user.sees("variables", "-g", "city") == "Ulm\n"
    assert user.sees("variables", "-g", "sizes", "-j") == "[1, 2]\n"
    assert user.sees("variables", "-g", "nothing", "-d", "else") == "else\n"
    assert user.sees("variables") == "city\nsizes\n"
    assert user.sees("variables", "-e", file) == f"2 variables successfully exported to {file}\n"
    assert user.sees("variables", "-i", file) == "2 of 2 variables successfully updated.\n"
    user.sees("variables", "-x", "sizes")
    assert user.sees("variables") == "city\n"


def test_a_question_is_asked_before_a_dag_is_deleted_and_no_is_an_answer(user: User) -> None:
    done = user.types("delete_dag", "example_taskflow", stdin="n\n")
    assert "This will drop all existing records related to the DAG example_taskflow" in done.stdout
    assert done.returncode == 1
    assert "example_taskflow" in user.sees("list_dags")


# -- what is not as it was: the page of differences --------------------------------------------------


def test_what_is_not_there_is_an_exit_code_of_1_where_1_10_has_0(user: User) -> None:
    for command in (("pool", "-g", "nope"), ("pool", "-x", "nope"), ("variables", "-g", "nope")):
        done = user.types(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1


def test_lists_are_tables_for_people_and_json_for_programs(user: User) -> None:
    header, rule, *rows = user.sees("list_dags").splitlines()
    assert header.split(" | ")[0].strip() == "dag_id"
    assert set(rule) <= {"=", "+"}
    assert rows[0].split(" | ")[0].strip() == "example_branch"
    assert json.loads(user.sees("pool", "-g", "default_pool", "-o", "json"))[0]["pool"] == "default_pool"


def test_the_version_is_that_of_the_api(user: User) -> None:
    assert user.sees("version") == "2.10.5\n"


def test_what_looks_after_airflows_own_processes_is_gone(user: User) -> None:
    gone = set(re.findall(r"`(\w+)`", DIFFERENCES.split("There is no ")[1].split(";")[0]))
    assert {"webserver", "scheduler", "initdb"} <= gone
    assert gone & updraft.commands.keys() == set()
    done = user.types("initdb")
    assert done.returncode == 2
    assert "No such command 'initdb'" in done.stderr


def test_wrong_credentials_are_told_without_being_shown(user: User) -> None:
    done = user.types("pool", AIRFLOW__CLI__ENDPOINT_URL=user.endpoint.replace("s%40cret", "wr%40ng"))
    assert done.returncode == 1
    assert "Forbidden: put user:password@ into [cli] endpoint_url" in done.stderr
    assert "wr@ng" not in done.stderr
    assert "wr%40ng" not in done.stderr
