"""What is read from the environment, and what is put into it."""

from pathlib import Path

import pytest

from chalicelib.local.server import LocalSettings, prepare_environment
from chalicelib.local.state_folder import Endpoint
from chalicelib.settings import SettingError


def test_the_defaults_need_no_environment() -> None:
    assert LocalSettings.from_environ({}) == LocalSettings(
        port=8000, state_dir=Path(".updraft"), max_workers=16, stop_seconds=5, worker_timeout=1800
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("UPDRAFT__LOCAL__MAX_WORKERS", "0"),
        ("UPDRAFT__WORKER__TIMEOUT", "1801"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is '{value}'"):
        LocalSettings.from_environ({name: value})


def test_further_names_of_the_server_are_a_list() -> None:
    read = LocalSettings.from_environ(
        {"UPDRAFT__LOCAL__ALLOWED_HOSTS": " Dev.Example, [fd00::1] ,updraft_1, "}
    )
    assert read.allowed_hosts == {"dev.example", "[fd00::1]", "updraft_1"}


@pytest.mark.parametrize("name", ["dev.example:8000", "http://dev.example", "*", "*.example", "::1", "a b"])
def test_a_name_that_no_request_can_have_is_told(name: str) -> None:
    with pytest.raises(SettingError, match=r"UPDRAFT__LOCAL__ALLOWED_HOSTS has .* separated by commas"):
        LocalSettings.from_environ({"UPDRAFT__LOCAL__ALLOWED_HOSTS": f"localhost,{name}"})


def test_nothing_of_the_users_aws_account_is_left_in_the_environment() -> None:
    environ = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_ENDPOINT_URL_SQS": "https://elsewhere",
        "NO_PROXY": "example.org",
        "HOME": "/of/mine",
    }
    endpoint = Endpoint(url="http://127.0.0.1:1", access_key_id="LOCAL1", secret_access_key="of this start")
    prepare_environment(environ, endpoint)
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert environ["AWS_ACCESS_KEY_ID"] == "LOCAL1"
    assert environ["AWS_SECRET_ACCESS_KEY"] == "of this start"
    assert environ["NO_PROXY"] == "example.org,127.0.0.1"
    assert environ["HOME"] == "/of/mine"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS"} & set(environ)
