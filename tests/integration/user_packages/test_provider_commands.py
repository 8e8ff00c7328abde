"""``providers``: commands about provider packages, in whose columns Airflow 2.10.5 answers."""

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from chalicelib.settings import USER_PACKAGES
from tests.integration.user_packages.wheels import write_wheel
from tests.scripted.command_line import run

NAME = "apache-airflow-providers-http"
INFO = """
def get_provider_info():
    return {
        "package-name": "apache-airflow-providers-http",
        "description": "`Hypertext Transfer Protocol (HTTP) <https://www.w3.org/Protocols/>`__\\n",
        "connection-types": [
            {"connection-type": "http", "hook-class-name": "airflow.providers.http.hooks.http.HttpHook"},
            {"connection-type": "ftp", "hook-class-name": "airflow.providers.http.hooks.ftp.FtpHook"},
        ],
    }
"""
HOOK = """
print("what is printed is no answer")

class HttpHook:
    conn_name_attr, conn_type, hook_name = "http_conn_id", "http", "HTTP"
"""


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGs folder, with a provider package installed for it."""
    packages, dags = tmp_path / "packages", tmp_path / "dags"
    packages.mkdir()
    dags.mkdir()
    wheel = write_wheel(
        tmp_path,
        NAME,
        "5.0.0",
        {
            "airflow/providers/http/__init__.py": "",
            "airflow/providers/http/get_provider_info.py": INFO,
            "airflow/providers/http/hooks/__init__.py": "",
            "airflow/providers/http/hooks/http.py": HOOK,
            "airflow/providers/http/hooks/ftp.py": "import a_library_that_is_not_there",
            f"{NAME.replace('-', '_')}-5.0.0.dist-info/entry_points.txt": (
                "[apache_airflow_provider]\n"
                "provider_info = airflow.providers.http.get_provider_info:get_provider_info\n"
            ),
        },
    )
    with ZipFile(wheel) as opened:
        opened.extractall(packages)
    monkeypatch.setenv(USER_PACKAGES, str(packages))
    return dags


def answer(dags: Path, *arguments: str, exit_code: int = 0) -> list[dict[str, str | None]]:
    done = run("providers", *arguments, "-S", str(dags), "-o", "json")
    assert done.exit_code == exit_code, done.output
    rows: list[dict[str, str | None]] = json.loads(done.stdout)
    return rows


def test_packages_tell_of_themselves(dags: Path) -> None:
    description = "Hypertext Transfer Protocol (HTTP) https://www.w3.org/Protocols/"
    [row] = answer(dags, "list")
    assert row == {"package_name": NAME, "description": description, "version": "5.0.0"}
    assert answer(dags, "get", NAME) == [{"Provider": NAME, "Version": "5.0.0"}]
    [whole] = answer(dags, "get", NAME, "--full")
    assert whole["description"] == description
    done = run("providers", "get", "nothing", "-S", str(dags))
    assert (done.exit_code, done.stderr) == (1, "Error: No such provider installed: nothing\n")


def test_hooks_that_can_be_imported_are_listed(dags: Path) -> None:
    assert [row for row in answer(dags, "hooks") if row["connection_type"] != "fs"] == [
        {
            "connection_type": "http",
            "class": "airflow.providers.http.hooks.http.HttpHook",
            "conn_id_attribute_name": "http_conn_id",
            "package_name": NAME,
            "hook_name": "HTTP",
        }
    ]


def test_a_check_names_what_is_missing(dags: Path) -> None:
    good = "from airflow.providers.http.hooks.http import HttpHook\n"
    (dags / "good.py").write_text(good)
    [row] = answer(dags, "check")
    assert (row["file"], row["version"], row["error"]) == ("good.py", "5.0.0", "")

    (dags / "good.py").write_text(f"{good}from airflow.providers.http.hooks.http import Old\n")
    _, row = answer(dags, "check", exit_code=1)
    assert row["error"] == "airflow.providers.http.hooks.http of the installed version has no Old"

    (dags / "good.py").write_text(f"{good}import airflow.providers.slack.hooks.slack\n")
    done = run("providers", "check", "-S", str(dags))
    assert done.exit_code == 1
    assert done.stderr == ("Put into requirements.txt in the DAGs folder: apache-airflow-providers-slack\n")
