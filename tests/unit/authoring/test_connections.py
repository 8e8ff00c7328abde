"""Connections as DAG files see them: Airflow's forms of one, and the places where one is looked for."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException, AirflowNotFoundException
from chalicelib.authoring.surroundings.configuration import of_environment
from chalicelib.authoring.surroundings.connections import BaseHook, Connection, connections_in
from chalicelib.authoring.surroundings.secrets import secrets_from
from chalicelib.authoring.surroundings.secrets_backends import BaseSecretsBackend
from chalicelib.authoring.surroundings.secrets_masker import redact
from chalicelib.authoring.surroundings.variables import Variable
from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.secrets_backends import SecretsBackendFailed
from chalicelib.store.memory import MemoryStore
from chalicelib.store.memory.connections import MemoryConnections

RECORDED = json.loads((Path(__file__).parent / "airflow_connections.json").read_text())
"""What Airflow 2.10.5 makes of URIs, of fields and of JSON, by what it is given."""

FIELDS = ("conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra")


def shown(make: Callable[[], Connection]) -> dict[str, Any]:
    """A connection in all its forms; of what raises, the type."""
    try:
        made = make()
    except Exception as error:
        return {"error": type(error).__name__}
    forms: dict[str, Callable[[], Any]] = {
        "extra_dejson": lambda: made.extra_dejson,
        "nested": lambda: made.get_extra_dejson(nested=True),
        "uri": made.get_uri,
        "json": made.as_json,
        "dict": made.to_dict,
        "pruned": lambda: made.to_dict(prune_empty=True),
        "repr": lambda: repr(made),
    }
    return {name: getattr(made, name) for name in FIELDS} | {
        name: _or_error(form) for name, form in forms.items()
    }


def _or_error(form: Callable[[], Any]) -> Any:
    try:
        return form()
    except Exception as error:
        return {"error": type(error).__name__}


@pytest.fixture
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("form", "make"),
    [
        ("uris", lambda uri: Connection("c", uri=uri)),
        ("fields", lambda fields: Connection(**{"conn_id": "c", **fields})),
        ("jsons", lambda text: Connection.from_json(text, "c")),
    ],
)
def test_a_connection_is_what_airflow_makes_of_it(form: str, make: Callable[[Any], Connection]) -> None:
    differing = {
        str(given): found
        for given, recorded in RECORDED[form]
        if (found := shown(lambda given=given: make(given))) != recorded  # type: ignore[misc]
    }
    assert differing == {}
    assert len(RECORDED[form]) > 15


# -- where one is looked for -----------------------------------------------------------------------


class Secrets:
    """A backend that has these texts, and may be down."""

    name = "SecretsManagerBackend"

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.is_down = False

    def connection(self, conn_id: str) -> str | None:
        return self.option(conn_id)

    def variable(self, key: str) -> str | None:
        return self.option(key)

    def option(self, key: str) -> str | None:
        if self.is_down:
            raise SecretsBackendFailed("SecretsManagerBackend cannot read it: AccessDeniedException")
        return self.texts.get(key)


@pytest.fixture
def secrets() -> Iterator[Secrets]:
    backend = Secrets(db="postgres://of.secrets", city="Rome", options="of the backend")
    with secrets_from(backend):
        yield backend


@pytest.fixture
def store() -> Iterator[MemoryConnections]:
    connections = MemoryStore().connections
    connections.save(StoredConnection(conn_id="db", id=5, conn_type="postgres", host="of.table", port=1))
    with connections_in(connections):
        yield connections


def host() -> str | None:
    return BaseHook.get_connection("db").host


def test_the_secrets_backend_comes_first_then_the_environment_then_the_table(
    store: MemoryConnections, secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", "postgres://of.environment")
    assert host() == "of.secrets"
    secrets.texts.clear()
    assert host() == "of.environment"
    monkeypatch.delenv("AIRFLOW_CONN_DB")
    assert host() == "of.table"
    store.delete("db")
    with pytest.raises(AirflowNotFoundException, match=r"^The conn_id `db` isn't defined$"):
        host()


def test_of_the_table_it_has_all_fields(store: MemoryConnections) -> None:
    stored = StoredConnection(
        conn_id="all", id=6, conn_type="x", description="d", host="h", login="l", password="p",
        schema="s", port=2, extra='{"a": 1}',
    )  # fmt: skip
    store.save(stored)
    found = Connection.get_connection_from_secrets("all")
    assert (found.id, *(getattr(found, name) for name in FIELDS)) == (
        6, "all", "x", "d", "h", "l", "p", "s", 2, '{"a": 1}',
    )  # fmt: skip


def test_a_backend_that_cannot_tell_is_passed_over_and_logged(
    store: MemoryConnections, secrets: Secrets, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.is_down = True
    assert host() == "of.table"
    (said, *_) = caplog.messages
    assert said == (
        "Unable to retrieve connection db from secrets backend (SecretsManagerBackend). Checking subsequent "
        "secrets backend. (SecretsManagerBackend cannot read it: AccessDeniedException)"
    )


@pytest.mark.parametrize("text", ["x://h:s3cr3t", '{"port": "s3cr3t"}', "{s3cr3t", "a://b://c://s3cr3t"])
def test_a_text_that_is_none_is_passed_over_and_not_shown(
    store: MemoryConnections, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DB", text)
    assert host() == "of.table"
    assert "Unable to retrieve connection db from the environment" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_store_that_does_not_answer_is_no_connection_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, store: MemoryConnections
) -> None:
    def refuse(_: str) -> StoredConnection | None:
        raise StoreUnavailable("DynamoDB did not answer")

    monkeypatch.setattr(store, "get", refuse)
    with pytest.raises(StoreUnavailable):
        host()


def test_variables_and_options_are_looked_for_there_too(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CITY", "Bonn")
    assert Variable.get("city") == "Rome"
    secrets.texts.pop("city")
    assert Variable.get("city") == "Bonn"
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD_SECRET", "options")
    assert of_environment("smtp", "smtp_password") == "of the backend"
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD", "of the environment")
    assert of_environment("smtp", "smtp_password") == "of the environment"


def test_no_dag_file_is_told_the_key_to_connections(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "key")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY_SECRET", "options")
    assert of_environment("core", "fernet_key") is None
    assert of_environment("core", "fernet_key_secret") is None


# -- what is secret --------------------------------------------------------------------------------


def test_passwords_and_what_is_secret_in_extras_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = '{"token": "dostoevsky-1866", "nested": {"api_key": "gogol-1842"}, "region": "eu-west-1"}'
    text = json.dumps({"conn_type": "x", "password": "tolstoy-1869", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_DB", text)
    BaseHook.get_connection("db")
    said = redact("tolstoy-1869 dostoevsky-1866 gogol-1842 eu-west-1")
    assert said == "*** *** *** eu-west-1"


def test_a_line_about_a_connection_shows_no_secret() -> None:
    made = Connection("c", conn_type="x", host="h", login="l", password="pushkin-1833", extra={"token": "t1"})
    assert made.log_info() == (
        "id: c. Host: h, Port: None, Schema: None, Login: l, Password: XXXXXXXX, extra: XXXXXXXX"
    )
    assert "pushkin" not in made.debug_info()


def test_a_hook_that_is_not_there_says_what_to_do() -> None:
    made = Connection("c", conn_type="postgres")
    with pytest.raises(AirflowException, match=r'Unknown hook type "postgres".*provider package'):
        made.get_hook()
    worked, message = made.test_connection()
    assert not worked
    assert 'Unknown hook type "postgres"' in message


def test_a_hook_of_the_users_logs_as_airflows_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Shop(BaseHook):
        def __init__(self) -> None:  # calls none of ours, as many do
            self.connection = self.get_connection("db")

        def get_conn(self) -> str | None:
            self.log.info("to %s", self.connection.host)
            return self.connection.host

    caplog.set_level(logging.INFO)
    monkeypatch.setenv("AIRFLOW_CONN_DB", "shop://of.environment")
    assert Shop().get_conn() == "of.environment"
    assert caplog.messages == ["Retrieving connection 'db'", "to of.environment"]
    assert [each.host for each in Shop.get_connections("db")] == ["of.environment"]


@pytest.mark.parametrize("extra", ["no json", "[1]"])
def test_an_extra_that_is_no_object_is_warned_of(extra: str) -> None:
    with pytest.warns(DeprecationWarning, match="for connection 'c'|in connection 'c'"):
        Connection("c", extra=extra)


class Vault(BaseSecretsBackend):
    """A secrets backend of the user's."""

    def get_conn_value(self, conn_id: str) -> str | None:
        return {"db": "postgres://host/base", "api": '{"conn_type": "http", "host": "h"}'}.get(conn_id)


def test_a_secrets_backend_makes_connections_of_texts() -> None:
    vault = Vault()
    found = {name: vault.get_connection(name) for name in ("db", "api", "none")}
    assert {name: each and (each.conn_type, each.host) for name, each in found.items()} == {
        "db": ("postgres", "host"),
        "api": ("http", "h"),
        "none": None,
    }
    assert vault.build_path("airflow/connections", "db") == "airflow/connections/db"
    with pytest.raises(NotImplementedError):
        BaseSecretsBackend().get_connection("db")
