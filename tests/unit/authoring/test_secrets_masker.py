"""Secrets are hidden in logs, by their names or because a DAG file says so."""

from typing import Any

import pytest

from chalicelib.authoring.surroundings.secrets_masker import (
    mask_secret,
    mask_secrets_of,
    redact,
    telling_secrets,
)


@pytest.mark.parametrize(
    ("secret", "name", "hidden"),
    [
        ("alpha-one", "db_password", True),
        ("alpha-two", "API_KEY", True),
        ("alpha-three", "city", False),
        ("alpha-four", None, True),
        ("four", "password", False),
        ({"token": "alpha-five"}, "settings", True),
        ({"city": "alpha-six"}, "settings", False),
        ({"city": ["alpha-seven"]}, "my_secret", True),
        ({"city": "alpha-eight"}, None, False),
        (17, "password", False),
    ],
)
def test_a_secret_is_known_by_its_name(secret: Any, name: str | None, hidden: bool) -> None:
    mask_secret(secret, name)
    text = str(secret)
    assert (redact(text) != text) is hidden


def test_airflows_setting_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES", "colour, shape")
    mask_secret("beta-red", "my_Colour")
    assert redact("it is beta-red") == "it is ***"


def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    mask_secret("gamma")
    mask_secret("gamma-rays")
    assert redact("gamma-rays and gamma") == "*** and ***"


def test_who_listens_is_told_what_is_known_and_what_becomes_known() -> None:
    mask_secret("delta-force")
    told: list[str] = []
    with telling_secrets(told.append):
        assert "delta-force" in told
        mask_secret("echo-chamber")
        assert told[-1] == "echo-chamber"
        mask_secret("echo-chamber")
        assert told.count("echo-chamber") == 1
    mask_secret("foxtrot-steps")
    assert "foxtrot-steps" not in told


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("AIRFLOW_VAR_DB_PASSWORD", "golf-club", "golf-club"),
        ("AIRFLOW_VAR_SETTINGS", '{"api_key": "hotel-room"}', "hotel-room"),
        ("AIRFLOW__WEBSERVER__SECRET_KEY", "india-ink", "india-ink"),
        ("AIRFLOW_CONN_DB", "postgres://leo:juliet%2Fromeo@host/db", "juliet/romeo"),
        ("AIRFLOW_CONN_API", "http://host?token=kilo-gram", "kilo-gram"),
        ("AIRFLOW_CONN_JSON", '{"password": "lima-beans"}', "lima-beans"),
        ("AIRFLOW_CONN_EXTRA", '{"extra": "{\\"token\\": \\"mike-stand\\"}"}', "mike-stand"),
    ],
)
def test_what_is_secret_in_the_environment_is_hidden(name: str, value: str, secret: str) -> None:
    mask_secrets_of({name: value})
    assert redact(f"it is {secret}") == "it is ***"


def test_the_rest_of_the_environment_is_not() -> None:
    mask_secrets_of(
        {"AIRFLOW_VAR_CITY": "november", "TOKENIZERS": "oscar-wilde", "AIRFLOW_CONN_BAD": "http://["}
    )
    assert redact("november oscar-wilde") == "november oscar-wilde"
