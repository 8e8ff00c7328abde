"""Credentials of a role for tasks, from an STS in memory."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import aws, bootstrap
from chalicelib.settings import SettingError, Settings
from chalicelib.store.role_credentials import CredentialsRefused, RoleCredentials
from chalicelib.user_code.environment import CREDENTIALS
from tests.moto_aws import fresh_clients

ROLE = "arn:aws:iam::123456789012:role/tasks-of-acme"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def settings(role: str) -> Settings:
    return Settings.from_environ({"UPDRAFT__WORKER__TASK_ROLE": role})


def test_the_credentials_are_those_of_the_role_and_renewed_before_they_end(account: None) -> None:
    clock = Clock()
    credentials = RoleCredentials(ROLE, session_name="updraft-dev-tasks", now=clock)
    first = credentials.environ()
    assert first.keys() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    clock.now += timedelta(minutes=29)
    assert credentials.environ() == first
    clock.now += timedelta(minutes=2)
    assert credentials.environ() != first


def test_a_role_that_cannot_be_assumed_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with fresh_clients(), pytest.raises(CredentialsRefused) as caught:
        RoleCredentials(ROLE, session_name="s", now=Clock()).environ()
    assert str(caught.value).startswith(f"UPDRAFT__WORKER__TASK_ROLE, {ROLE}, cannot be assumed: ")


@pytest.mark.parametrize("role", ["worker ", "", ROLE])
def test_the_setting_takes_the_worker_or_a_role(role: str) -> None:
    assert settings(role).task_role == role.strip()


@pytest.mark.parametrize("role", ["all", "arn:aws:iam::123456789012:user/ada", "tasks-of-acme"])
def test_other_values_are_refused(role: str) -> None:
    with pytest.raises(SettingError, match="UPDRAFT__WORKER__TASK_ROLE is "):
        settings(role)


@pytest.mark.parametrize(("role", "secret"), [("", None), ("worker", "of-the-worker")])
def test_tasks_have_no_credentials_but_what_the_setting_gives_them(
    role: str, secret: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-worker")
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Ulm")
    with bootstrap.use(settings=settings(role)):
        environ = bootstrap.environment_of_tries()
    assert environ.get("AWS_SECRET_ACCESS_KEY") == secret
    assert "AWS_LAMBDA_RUNTIME_API" not in environ
    assert environ["AIRFLOW_VAR_CITY"] == "Ulm"


def test_tasks_may_have_the_credentials_of_a_role(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-worker")
    bootstrap._role_credentials.cache_clear()
    with bootstrap.use(settings=settings(ROLE)):
        environ = bootstrap.environment_of_tries()
        assert bootstrap.environment_of_tries() == environ
    bootstrap._role_credentials.cache_clear()
    assert environ["AWS_SECRET_ACCESS_KEY"] != "of-the-worker"
    assert CREDENTIALS & environ.keys() == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
    identity = aws.session().create_client(
        "sts",
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environ["AWS_SESSION_TOKEN"],
    )
    assert ":assumed-role/tasks-of-acme/updraft-local-tasks" in identity.get_caller_identity()["Arn"]
