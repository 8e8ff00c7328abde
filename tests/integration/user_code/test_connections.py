"""Connections of the table and of a secrets backend, as tries and DAG files get them from the worker."""

import pytest

from chalicelib.domain.connections import FernetKeyUnusable, StoredConnection
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.secrets_backends import SecretsBackendFailed
from tests.integration.user_code.trying import Tried, said

BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"

DB = StoredConnection(
    conn_id="db",
    id=7,
    conn_type="postgres",
    host="of.table",
    login="ada",
    password="tolstoy-1869",
    port=5432,
    extra='{"token": "dostoevsky-1866", "region": "eu-west-1"}',
)

ASKING = """
from airflow.hooks.base import BaseHook
from airflow.models import Connection, Variable

AT_IMPORT = BaseHook.get_connection("db").host

def work():
    found = BaseHook.get_connection("db")
    print(found.password, "and", found.extra_dejson["token"], "in", found.extra_dejson["region"])
    print(found.get_uri())
    os.system("echo $0 tolstoy-1869")
    return [AT_IMPORT, found.host, found.port, found.id]
"""


class Secrets:
    """A backend that has these texts."""

    name = "SecretsManagerBackend"

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def connection(self, conn_id: str) -> str | None:
        return self.texts.get(f"connection {conn_id}")

    def variable(self, key: str) -> str | None:
        return self.texts.get(f"variable {key}")

    def option(self, key: str) -> str | None:
        raise SecretsBackendFailed(f"{self.name} cannot read {key}: AccessDeniedException")


class Refusing:
    """Connections that cannot be had."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, _: str) -> StoredConnection | None:
        raise self.error


def test_a_try_gets_a_connection_of_the_table_and_its_log_shows_no_secret(tried: Tried) -> None:
    tried.store.connections.save(DB)
    report = tried.once(ASKING)
    assert report.outcome.result is TryResult.SUCCESS, report.log.decode()
    assert tried.xcoms.returned == ["of.table", "of.table", 5432, 7]
    text = report.log.decode()
    assert "*** and *** in eu-west-1" in said(report)
    assert "tolstoy" not in text
    assert "dostoevsky" not in text


def test_templates_find_it_too(tried: Tried) -> None:
    tried.store.connections.save(DB)
    tried.write(
        "def work(where, who):\n    return [where, who]\n",
        ', op_kwargs={"where": "{{ conn.db.host }}:{{ conn.db.port }}", "who": "{{ conn.get(\'no\', 5) }}"}',
    )
    tried.run()
    assert tried.xcoms.returned == ["of.table:5432", "5"]


def test_what_is_in_the_secrets_backend_comes_first(tried: Tried) -> None:
    tried.store.connections.save(DB)
    tried.environ |= {"AIRFLOW__SECRETS__BACKEND": BACKEND, "AIRFLOW_VAR_CITY": "Bonn"}
    tried.environ |= {"AIRFLOW__SMTP__SMTP_PASSWORD_SECRET": "smtp"}
    tried.secrets = Secrets(**{"connection db": "x://:gogol-1842@of.secrets", "variable city": "Rome"})
    report = tried.once(
        """
        from airflow.configuration import conf
        from airflow.hooks.base import BaseHook
        from airflow.models import Variable

        def work():
            found = BaseHook.get_connection("db")
            print(found.password)
            return [found.host, Variable.get("city"), conf.get("smtp", "smtp_password", fallback="none")]
        """
    )
    assert tried.xcoms.returned == ["of.secrets", "Rome", "none"], report.log.decode()
    assert "***" in said(report)
    assert (
        "Unable to retrieve config smtp from secrets backend (SecretsManagerBackend)" in report.log.decode()
    )


def test_a_connection_that_is_nowhere_is_airflows_error(tried: Tried) -> None:
    report = tried.once(
        "from airflow.hooks.base import BaseHook\n\ndef work():\n    BaseHook.get_connection('no')\n"
    )
    assert report.outcome.reason == "AirflowNotFoundException: The conn_id `no` isn't defined"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreUnavailable("DynamoDB did not answer"), "StoreUnavailable: DynamoDB did not answer"),
        (
            FernetKeyUnusable("The connection db cannot be read"),
            "AirflowException: The connection db cannot be read",
        ),
    ],
)
def test_a_connection_that_cannot_be_had_fails_the_try(
    tried: Tried, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(tried.store, "connections", Refusing(error))
    report = tried.once(
        "from airflow.hooks.base import BaseHook\n\ndef work():\n    BaseHook.get_connection('db')\n"
    )
    assert report.outcome.result is not TryResult.SUCCESS
    assert report.outcome.reason == reason, report.log.decode()


def test_variables_are_set_changed_and_deleted_by_tasks(tried: Tried) -> None:
    tried.once(
        """
        from airflow.models import Variable

        def work():
            Variable.set("city", "Ulm", description="where")
            Variable.update("city", "Bonn")
            Variable.set("sizes", [1, 2], serialize_json=True)
            Variable.set("gone", "1")
            found = [Variable.delete("gone"), Variable.delete("gone"), Variable.get("gone", None)]
            return [Variable.get("city"), Variable.get("sizes", deserialize_json=True), *found]
        """
    )
    assert tried.xcoms.returned == ["Bonn", [1, 2], 1, 0, None]
    kept = tried.store.variables.get("city")
    assert kept is not None
    assert (kept.value, kept.description) == ("Bonn", "where")
