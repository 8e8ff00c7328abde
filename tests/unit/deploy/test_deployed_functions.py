"""What a deployed stage says of itself, and what is said where it cannot."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

from chalicelib.auth.backends import BASIC_AUTH, DENY_ALL
from chalicelib.deploy.deployed_functions import NotKnown, deployed_settings


class FakeLambda:
    """Lambda as far as it is asked for a function's configuration."""

    def __init__(self, variables: dict[str, str] | None = None, error: Exception | None = None) -> None:
        self._variables, self._error = variables, error

    def client(self, service: str) -> "FakeLambda":
        """See ``aws.client``."""
        assert service == "lambda"
        return self

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        """See botocore."""
        assert FunctionName == "updraft-dev"
        if self._error:
            raise self._error
        return {} if self._variables is None else {"Environment": {"Variables": self._variables}}


def settings_of(**variables: str) -> dict[str, str]:
    return deployed_settings("dev", FakeLambda({"UPDRAFT__AWS__STAGE": "dev", **variables}).client)


def test_the_settings_are_those_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__AUTH_BACKEND", DENY_ALL)
    assert settings_of(AIRFLOW__API__AUTH_BACKEND=BASIC_AUTH, UPDRAFT__AWS__BUCKET="updraft-acme") == {
        "auth_backend": BASIC_AUTH,
        "bucket": "updraft-acme",
        "dags_folder": "chalicelib/dags",
    }
    assert settings_of(AIRFLOW__CORE__DAGS_FOLDER="chalicelib/ours")["dags_folder"] == "chalicelib/ours"
    assert settings_of()["auth_backend"] == DENY_ALL


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "any text"}}, "GetFunctionConfiguration")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused("ResourceNotFoundException"), "it is not deployed"),
        (refused("AccessDeniedException"), "AWS says AccessDeniedException"),
        (NoCredentialsError(), "AWS cannot be asked (NoCredentialsError)"),
        (NoRegionError(), "AWS cannot be asked (NoRegionError)"),
    ],
)
def test_what_cannot_be_found_out_is_not_guessed(error: Exception, reason: str) -> None:
    with pytest.raises(NotKnown) as caught:
        deployed_settings("dev", FakeLambda(error=error).client)
    assert str(caught.value) == reason


def test_settings_that_the_function_cannot_use_are_not_known_either() -> None:
    with pytest.raises(NotKnown, match="UPDRAFT__API__BCRYPT_COST"):
        settings_of(UPDRAFT__API__BCRYPT_COST="many")
