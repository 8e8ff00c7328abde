"""What is found in a secrets backend, by Airflow's names and arguments, over moto and over files."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.authoring.surroundings.connections import Connection
from chalicelib.authoring.surroundings.secrets import secrets_from
from chalicelib.domain.secrets_backends import SecretsBackend, SecretsBackendFailed
from chalicelib.settings import (
    LOCAL_FILES,
    PARAMETER_STORE,
    SECRETS_BACKENDS,
    SECRETS_MANAGER,
    SettingError,
    Settings,
)
from chalicelib.store.secrets_backends import secrets_backend_of


def backend(name: str, **kwargs: Any) -> SecretsBackend:
    found = secrets_backend_of(settings(name, json.dumps(kwargs)))
    assert found is not None
    return found


def settings(name: str, kwargs: str = "") -> Settings:
    return Settings.from_environ(
        {"AIRFLOW__SECRETS__BACKEND": name, "AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs}
    )


def keep_secret(name: str, text: str) -> None:
    aws.client("secretsmanager").create_secret(Name=name, SecretString=text)


def keep_parameter(name: str, text: str) -> None:
    aws.client("ssm").put_parameter(Name=name, Value=text, Type="SecureString")


class Requests:
    """Counts those of the process's clients, by operation."""

    def __init__(self) -> None:
        self.made: list[str] = []
        for service in ("secretsmanager", "ssm"):
            aws.client(service).meta.events.register("before-call.*", self._count)

    def _count(self, event_name: str, **_: object) -> None:
        self.made.append(event_name.rpartition(".")[2])


# -- where something is ----------------------------------------------------------------------------


def test_secrets_manager_has_them_below_airflows_prefixes(account: None) -> None:
    keep_secret("airflow/connections/db", "postgres://h")
    keep_secret("airflow/variables/city", "Ulm")
    keep_secret("airflow/config/smtp", "password")
    found = backend(SECRETS_MANAGER)
    assert (found.name, found.connection("db"), found.variable("city"), found.option("smtp")) == (
        "SecretsManagerBackend", "postgres://h", "Ulm", "password",
    )  # fmt: skip
    assert [found.connection("city"), found.variable("db"), found.option("db")] == [None, None, None]


def test_parameter_store_has_them_below_airflows_prefixes(account: None) -> None:
    keep_parameter("/airflow/connections/db", "postgres://h")
    keep_parameter("/airflow/variables/city", "Ulm")
    keep_parameter("/airflow/config/smtp", "password")
    found = backend(PARAMETER_STORE)
    assert (found.name, found.connection("db"), found.variable("city"), found.option("smtp")) == (
        "SystemsManagerParameterStoreBackend", "postgres://h", "Ulm", "password",
    )  # fmt: skip
    assert [found.connection("city"), found.variable("db"), found.option("db")] == [None, None, None]


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"connections_prefix": "acme"}, "acme/db"),
        ({"connections_prefix": "acme/"}, "acme/db"),
        ({"connections_prefix": "acme-", "sep": "-"}, "acme-db"),
        ({"connections_prefix": "acme", "sep": "_"}, "acme_db"),
        ({"connections_prefix": ""}, "db"),
        ({"connections_prefix": "/acme/prod"}, "/acme/prod/db"),
    ],
)
def test_a_prefix_of_secrets_manager_can_be_another(account: None, kwargs: dict[str, str], name: str) -> None:
    keep_secret(name, "postgres://h")
    assert backend(SECRETS_MANAGER, **kwargs).connection("db") == "postgres://h"


@pytest.mark.parametrize(
    ("prefix", "name"), [("/acme/", "/acme/db"), ("acme/prod", "/acme/prod/db"), ("", "/db")]
)
def test_a_prefix_of_parameters_begins_with_a_slash(account: None, prefix: str, name: str) -> None:
    keep_parameter(name, "postgres://h")
    assert backend(PARAMETER_STORE, connections_prefix=prefix).connection("db") == "postgres://h"


@pytest.mark.parametrize("name", [SECRETS_MANAGER, PARAMETER_STORE])
def test_what_a_pattern_or_a_prefix_of_null_rules_out_is_not_asked_for(account: None, name: str) -> None:
    requests = Requests()
    found = backend(
        name, connections_lookup_pattern="^prod_", variables_prefix=None, config_lookup_pattern="smtp"
    )
    assert [found.connection("db"), found.variable("PROD_city"), found.option("sql")] == [None, None, None]
    assert requests.made == []
    assert found.connection("PROD_db") is None  # Airflow looks without regard to case
    assert len(requests.made) == 1


# -- what it says ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "kwargs", "uri"),
    [
        ("postgres://ada:p%2Fw@h:1/s", {}, "postgres://ada:p%2Fw@h:1/s"),
        (
            {"user": "ada", "pass": "p/w", "server": "h", "port": 1, "database": "s", "engine": "postgresql"},
            {},
            "postgres://ada:p%2Fw@h:1/s",
        ),
        ({"username": "ada", "host": "h", "conn_type": "x", "extra": {"a": "b"}}, {}, "x://ada@h/?a=b"),
        (
            {"who": "ada", "box": "h", "conn_type": "x", "unknown": 1},
            {"extra_conn_words": {"user": ["who"], "host": ["box"]}},
            "x://ada@h",
        ),
        ({"host": "h", "conn_type": "x"}, {"full_url_mode": False}, "x://h"),
    ],
)
def test_a_secret_is_a_uri_or_json_by_any_of_the_providers_names(
    account: None, secret: Any, kwargs: dict[str, Any], uri: str
) -> None:
    keep_secret("airflow/connections/db", secret if isinstance(secret, str) else json.dumps(secret))
    with secrets_from(backend(SECRETS_MANAGER, **kwargs)):
        assert Connection.get_connection_from_secrets("db").get_uri() == uri


def test_a_parameter_is_a_uri_or_airflows_json(account: None) -> None:
    keep_parameter("/airflow/connections/a", "x://h")
    keep_parameter("/airflow/connections/b", '{"conn_type": "x", "host": "h", "extra": {"a": "b"}}')
    with secrets_from(backend(PARAMETER_STORE)):
        found = [Connection.get_connection_from_secrets(conn_id).get_uri() for conn_id in "ab"]
    assert found == ["x://h", "x://h/?a=b"]


@pytest.mark.parametrize("name", [SECRETS_MANAGER, PARAMETER_STORE])
def test_a_backend_that_does_not_answer_says_so_by_awss_code(
    account: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    aws.client.cache_clear()
    with pytest.raises(SecretsBackendFailed, match=r"Backend cannot read /?airflow/connections/db: NoRegion"):
        backend(name).connection("db")


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "variables.json").write_text('{"city": "Ulm", "sizes": [[1, 2]], "zoo": {"a": 1}}')
    (tmp_path / "connections.json").write_text('{"db": "postgres://h", "web": {"conn_type": "http"}}')
    (tmp_path / "connections.env").write_text("# ours\n\ndb=postgres://of.env\n")
    return tmp_path


def test_files_have_connections_and_variables(files: Path) -> None:
    found = backend(
        LOCAL_FILES,
        variables_file_path=str(files / "variables.json"),
        connections_file_path=str(files / "connections.json"),
    )
    assert found.connection("db") == "postgres://h"
    assert found.connection("web") == '{"conn_type": "http"}'
    assert [found.variable(key) for key in ("city", "sizes", "zoo")] == ["Ulm", "[1, 2]", '{"a": 1}']
    assert (found.connection("no"), found.variable("no"), found.option("city")) == (None, None, None)
    lines = backend(LOCAL_FILES, connections_file_path=str(files / "connections.env"))
    assert (lines.connection("db"), lines.variable("city")) == ("postgres://of.env", None)


def test_a_file_is_read_at_each_look(files: Path) -> None:
    path = files / "connections.json"
    found = backend(LOCAL_FILES, connections_file_path=str(path))
    path.write_text('{"db": "postgres://other"}')
    assert found.connection("db") == "postgres://other"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("none.json", None, "No such file or directory"),
        ("a.json", "s3cr3t", "it cannot be read: JSONDecodeError"),
        ("a.yaml", "db: s3cr3t", "Unsupported file format"),
        ("a.env", "s3cr3t", "line 1"),
        ("a.json", '{"db": {"s3cr3t_": 1}}', "illegal keys"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(SecretsBackendFailed, match=says):
        backend(LOCAL_FILES, connections_file_path=str(tmp_path / name)).connection("db")


# -- settings --------------------------------------------------------------------------------------


def test_without_the_setting_there_is_none() -> None:
    assert secrets_backend_of(Settings.from_environ({})) is None
    assert secrets_backend_of(Settings.from_environ({"AIRFLOW__SECRETS__BACKEND_KWARGS": "no json"})) is None


@pytest.mark.parametrize(
    ("name", "kwargs", "says"),
    [
        ("airflow.providers.hashicorp.secrets.vault.VaultBackend", "", "AIRFLOW__SECRETS__BACKEND is '"),
        (SECRETS_MANAGER, "s3cr3t", "AIRFLOW__SECRETS__BACKEND_KWARGS is no JSON of an object"),
        (SECRETS_MANAGER, '["s3cr3t"]', "is no JSON of an object"),
        (SECRETS_MANAGER, '{"profile_name": "s3cr3t"}', "has profile_name, which is not taken here"),
        (PARAMETER_STORE, '{"sep": "-"}', "has sep, which is not taken here"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_values(name: str, kwargs: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings(name, kwargs)
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_arguments_of_null_are_as_if_not_given() -> None:
    assert settings(SECRETS_MANAGER, '{"profile_name": null}').secrets_backend == SECRETS_MANAGER


def test_settings_show_no_arguments() -> None:
    assert "acme" not in repr(settings(SECRETS_MANAGER, '{"connections_prefix": "acme"}'))


def test_every_backend_can_be_made() -> None:
    for name in SECRETS_BACKENDS:
        assert backend(name).name == name.rpartition(".")[2]
    assert "AIRFLOW__SECRETS__BACKEND" not in os.environ
