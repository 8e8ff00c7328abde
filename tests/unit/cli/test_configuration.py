"""``airflow.cfg`` and ``AIRFLOW__…``, as the command line reads them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib.cli import updraft
from chalicelib.cli.configuration import Configuration
from chalicelib.settings import SettingError

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
