"""``airflow.cfg`` and ``AIRFLOW__…``, as the command line reads them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import updraft
from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.settings import LOCAL_FILES, SettingError

FILE = """
[core]
dags_folder = /dags

[cli]
# where the API is
endpoint_url = https://abc.example.com/api
api_client = airflow.api.client.json_client

[logging]
log_format = [%(asctime)s] 100%
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "airflow.cfg").write_text(FILE)
    return tmp_path


def test_the_file_is_in_airflow_home(home: Path) -> None:
    configuration = Configuration.read({"AIRFLOW_HOME": str(home)})
    assert configuration.get("cli", "endpoint_url") == "https://abc.example.com/api"
    assert configuration.get("logging", "log_format") == "[%(asctime)s] 100%"


def test_airflow_config_names_another_file(home: Path) -> None:
    other = home / "other.cfg"
    other.write_text("[cli]\nendpoint_url = http://other\n")
    configuration = Configuration.read({"AIRFLOW_HOME": str(home), "AIRFLOW_CONFIG": str(other)})
    assert configuration.get("cli", "endpoint_url") == "http://other"
    assert configuration.get("core", "dags_folder") is None


def test_the_environment_comes_before_the_file(home: Path) -> None:
    environ = {"AIRFLOW_HOME": str(home), "AIRFLOW__CLI__ENDPOINT_URL": "http://here:8000"}
    assert Configuration.read(environ).get("CLI", "ENDPOINT_URL") == "http://here:8000"


def test_without_a_file_airflows_defaults_hold(tmp_path: Path) -> None:
    configuration = Configuration.read({"AIRFLOW_HOME": str(tmp_path)})
    assert configuration.get("cli", "api_client") == "airflow.api.client.local_client"
    assert configuration.get("cli", "endpoint_url") == "http://localhost:8080"


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "airflow.cfg").write_text("endpoint_url = http://other\n")
    with pytest.raises(SettingError, match=r"airflow\.cfg cannot be read: File contains no section headers"):
        Configuration.read({"AIRFLOW_HOME": str(tmp_path)})


def read_from(folder: Path, text: str, **environ: str) -> Configuration:
    (folder / "airflow.cfg").write_text(text)
    return Configuration.read({"AIRFLOW_HOME": str(folder), **environ})


def test_a_doubled_percent_sign_is_one_and_variables_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_HOME", "~/team")
    monkeypatch.setenv("HOME", str(tmp_path))
    read = read_from(tmp_path, "[core]\nfile = %%(here)s\ndags_folder = $TEAM_HOME/dags\n")
    assert read.get("core", "file") == "%(here)s"
    assert read.get("core", "dags_folder") == str(tmp_path / "team" / "dags")


CMD = "AIRFLOW__CLI__ENDPOINT_URL_CMD"


def test_commands_come_after_values_of_the_same_place(tmp_path: Path) -> None:
    of_file = "[cli]\nendpoint_url_cmd = echo http://printed\n"
    read = read_from(tmp_path, of_file)
    assert read.get("cli", "endpoint_url") == "http://printed"
    read = read_from(tmp_path, of_file + "endpoint_url = http://written\n")
    assert read.get("cli", "endpoint_url") == "http://written"
    read = read_from(tmp_path, of_file, **{CMD: "echo http://environment"})
    assert read.get("cli", "endpoint_url") == "http://environment"
    read = read_from(tmp_path, of_file, **{CMD: "echo no", "AIRFLOW__CLI__ENDPOINT_URL": "http://plain"})
    assert read.get("cli", "endpoint_url") == "http://plain"


def test_an_option_that_is_no_secret_has_no_command(tmp_path: Path) -> None:
    assert read_from(tmp_path, "[core]\nexecutor_cmd = echo no\n").get("core", "executor") is None


@pytest.mark.parametrize("command", ["false", "no-such-command-here", "echo 'unbalanced"])
def test_a_command_that_fails_is_said_without_what_it_printed(tmp_path: Path, command: str) -> None:
    read = read_from(tmp_path, f"[cli]\nendpoint_url_cmd = {command}\n")
    with pytest.raises(
        SettingError, match=r"The command for \[cli\] endpoint_url (ended|cannot be run)"
    ) as said:
        read.get("cli", "endpoint_url")
    assert command not in str(said.value)


def test_settings_come_from_the_environment_then_from_the_file(tmp_path: Path) -> None:
    text = "[core]\ndags_folder = /of/file\ndags_are_paused_at_creation = False\n"
    configuration = read_from(tmp_path, text)
    settings = configuration.settings({"UPDRAFT__AWS__STAGE": "dev"})
    assert (settings.dags_folder, settings.stage) == (Path("/of/file"), "dev")
    configuration = read_from(tmp_path, text, AIRFLOW__CORE__DAGS_FOLDER="/of/environment")
    settings = configuration.settings({})
    assert settings.dags_folder == Path("/of/environment")
    assert settings.dags_are_paused_at_creation is False


DAG_FILE = """
from datetime import datetime
from airflow import DAG
from airflow.configuration import conf
from airflow.operators.python import PythonOperator

def ask():
    print("the region is", conf.get("acme", "region"))

with DAG("asking", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="ask", python_callable=ask)
"""


def test_the_secrets_backend_of_another_airflow_stops_no_command(tmp_path: Path) -> None:
    text = "[secrets]\nbackend = airflow.providers.hashicorp.secrets.vault.VaultBackend\n"
    (tmp_path / "airflow.cfg").write_text(text)
    environ = {"AIRFLOW_HOME": str(tmp_path)}
    assert Configuration.read(environ).settings(environ).secrets_backend == ""
    environ["AIRFLOW__SECRETS__BACKEND"] = LOCAL_FILES
    assert Configuration.read(environ).settings(environ).secrets_backend == LOCAL_FILES


def test_dags_test_reads_the_folder_and_its_files_read_their_options_in_the_file(tmp_path: Path) -> None:
    dags = tmp_path / "my_dags"
    dags.mkdir()
    (dags / "asking.py").write_text(DAG_FILE)
    (tmp_path / "airflow.cfg").write_text(f"[core]\ndags_folder = {dags}\n[acme]\nregion = south\n")
    runner = CliRunner(env={"AIRFLOW_HOME": str(tmp_path)})
    result = runner.invoke(updraft, ["dags", "test", "asking", "2026-01-01", "-v"])
    assert result.exit_code == 0, result.output
    assert "the region is south" in result.stderr


def config(home: Path, *arguments: str) -> Result:
    return CliRunner(env={"AIRFLOW_HOME": str(home)}).invoke(updraft, ["config", *arguments])


def test_an_option_is_shown(home: Path) -> None:
    result = config(home, "get-value", "core", "dags_folder")
    assert (result.exit_code, result.output) == (0, "/dags\n")


def test_an_unknown_option_is_an_error(home: Path) -> None:
    result = config(home, "get-value", "core", "nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: The option [core/nothing] is not found in config.\n"


def test_a_section_is_listed(home: Path) -> None:
    assert config(home, "list", "--section", "cli").output == (
        "[cli]\napi_client = airflow.api.client.json_client\nendpoint_url = https://abc.example.com/api\n\n"
    )


def test_an_unknown_client_is_refused(home: Path) -> None:
    environ = {"AIRFLOW_HOME": str(home), "AIRFLOW__CLI__API_CLIENT": "my.client"}
    result = CliRunner(env=environ).invoke(updraft, ["pools", "list"])
    assert result.exit_code == 1
    assert "[cli] api_client is 'my.client'; it takes airflow.api.client.local_client or" in result.stderr
