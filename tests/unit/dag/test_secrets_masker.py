"""Secrets are hidden in logs, by their names or because a DAG file says so."""

import logging
from typing import Any

import pytest

from chalicelib.dag.secrets_masker import SecretsMasker, mask_secret, redact


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


def test_records_are_rewritten_where_they_show_a_secret_and_left_alone_elsewhere() -> None:
    mask_secret("delta-force")
    masker, formatter = SecretsMasker(), logging.Formatter("%(message)s")

    def logged(text: str, *args: Any, error: BaseException | None = None) -> str:
        info = (type(error), error, error.__traceback__) if error else None
        record = logging.LogRecord("n", logging.INFO, "p", 1, text, args, info)
        assert masker.filter(record)
        return formatter.format(record)

    assert logged("%s comes", "delta-force") == "*** comes"
    assert logged("%s of %d", "one", 2) == "one of 2"
    assert logged("it fails", error=ValueError("delta-force")) == "it fails\nValueError: ***"
    assert logged("it fails", error=ValueError("why")) == "it fails\nValueError: why"


def test_a_bad_log_call_is_left_to_the_handler() -> None:
    record = logging.LogRecord("n", logging.INFO, "p", 1, "%d", ("no number",), None)
    assert SecretsMasker().filter(record)
    assert record.args == ("no number",)
