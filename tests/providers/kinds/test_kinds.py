"""One DAG file for each kind that teams write over provider packages: it loads, and runs to its end."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from chalicelib.testing.dags import DagUnderTest
from chalicelib.testing.results import RunResult
from tests.providers.kinds.running import DAGS, DATE, dag, log_of, not_successful
from tests.providers.kinds.served import Api, api
from tests.providers.kinds.smtp_sink import Sink, smtp_sink
from tests.providers.kinds.sshd import Sshd

PLUGINS = DAGS.with_name("plugins")
ORDERS = [(1, "2026-01-01", 10), (2, "2026-01-02", 20), (3, "2026-01-02", 30)]


class World:
    """What the DAG files talk to, and what came there."""

    def __init__(self, folder: Path, aws: Mapping[str, Any], sshd: Sshd, served: Api, mail: Sink) -> None:
        self.api, self.mail = served, mail
        self.drop = folder / "drop"
        self.drop.mkdir()
        self.database = folder / "shop.db"
        with sqlite3.connect(self.database) as database:
            database.execute("CREATE TABLE orders (id INTEGER, day TEXT, amount NUMERIC)")
            database.executemany("INSERT INTO orders VALUES (?, ?, ?)", ORDERS)
        database.close()
        self._aws = aws
        self.queue = self.client("sqs").create_queue(QueueName=folder.name)["QueueUrl"]
        self.topic = self.client("sns").create_topic(Name=folder.name)["TopicArn"]
        arn = self.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.client("sns").subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        self._sshd = sshd

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._aws["extra"]["endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id=self._aws["login"],
            aws_secret_access_key=self._aws["password"],
        )

    def messages(self) -> list[str]:
        """What has come to the queue, of the topic or by itself."""
        found = self.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        bodies = [each["Body"] for each in found.get("Messages", [])]
        return sorted(json.loads(each)["Message"] if each.startswith("{") else each for each in bodies)

    def text(self, bucket: str, key: str) -> str:
        """An object of S3."""
        return str(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    def run(self, file: str, dag_id: str | None = None) -> RunResult:
        return self.dag(file, dag_id).run(DATE)

    def dag(self, file: str, dag_id: str | None = None) -> DagUnderTest:
        host = self.api.url.removeprefix("http://")
        connections = {
            "aws_default": self._aws,
            "orders_api": self.api.url,
            "shop_db": {"conn_type": "sqlite", "host": str(self.database)},
            "sftp_default": self._sshd.connection("sftp"),
            "ssh_default": self._sshd.connection("ssh"),
            "slack_alerts": {
                "conn_type": "slackwebhook",
                "host": f"{self.api.url}/services",
                "password": "T000/B000/XXX",
            },
            "slack_api": {
                "conn_type": "slack",
                "password": "xoxb-of-tests",
                "extra": {"base_url": f"http://{host}/slack/"},
            },
            "smtp_default": {
                "conn_type": "smtp",
                "host": "localhost",
                "port": self.mail.port,
                "extra": {"disable_ssl": True, "disable_tls": True},
            },
        }
        environ = {
            "DROP": str(self.drop),
            "TOPIC": self.topic,
            "QUEUE": self.queue,
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        }
        return dag(file, dag_id, connections=connections, environ=environ)


@pytest.fixture
def world(tmp_path: Path, aws: Mapping[str, Any], server: Sshd) -> Iterator[World]:
    with api() as served, smtp_sink() as mail:
        yield World(tmp_path, aws, server, served, mail)


def test_the_nightly_load_of_a_warehouse(world: World) -> None:
    run = world.run("nightly_warehouse.py")
    assert not_successful(run) == set(), log_of(run)
    assert run["stage.load"].xcom("loaded") == 2
    assert run["left"].xcom() == ["archive/20260102.csv"]
    with sqlite3.connect(world.database) as database:
        assert database.execute("SELECT * FROM daily").fetchall() == [("2026-01-02", 50)]
    database.close()


def test_an_api_is_pulled_page_by_page(world: World) -> None:
    run = world.run("api_pull.py")
    assert not_successful(run) == set(), log_of(run)
    assert world.api.looks == {"/ready/api_pull": 3}
    assert run["total"].xcom() == 60
    lines = world.text("pulled", "2026-01-02/orders.jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2, 3]


def test_a_dropped_file_is_fetched_and_told(world: World, server: Sshd) -> None:
    server.let_arrive({world.drop / f"{DATE}.csv": 3})
    run = world.run("sftp_drop.py")
    assert not_successful(run) == set(), log_of(run)
    assert world.text("drops", f"{DATE}.csv") == "news\n"
    assert world.messages() == ['{"key": "s3://drops/2026-01-02.csv"}']


def test_a_channel_is_told_of_commands_that_fail(world: World) -> None:
    run = world.run("dbt_like.py")
    assert not_successful(run) == {"run_customers"}, log_of(run)
    assert [path for path, _ in world.api.posts] == ["/services/T000/B000/XXX"]
    (told,) = [posted["text"] for _, posted in world.api.posts]
    assert told.startswith(":red_circle: run_customers on 2026-01-02: Bash command failed")


def test_checks_hold_back_what_is_wrong(world: World) -> None:
    run = world.run("quality_gate.py")
    assert not_successful(run) == {"too_many", "held_back", "in_parts"}, log_of(run)
    assert run.states["in_parts"] == "skipped"


def test_a_file_of_airflow_1_10_runs_unchanged(world: World) -> None:
    run = world.run("of_1_10.py")
    assert not_successful(run) == set(), log_of(run)
    assert world.text("of-1-10", "ids") == "1\n2\n3"
    assert world.api.posts == [("/told", {"rows": 3})]


def test_a_dag_waits_for_the_task_and_the_file_of_another(world: World) -> None:
    both = world.dag("two_teams.py", "two_teams")
    run = both.run(DATE)
    assert not_successful(run) == set(), log_of(run)
    (report,) = both.runs("two_teams_report")
    assert not_successful(report) == set(), log_of(report)


def test_a_loop_over_settings_makes_a_dag_for_each(world: World) -> None:
    run = world.run("of_tenants.py", "tenant_south")
    assert not_successful(run) == set(), log_of(run)
    assert json.loads(world.text("tenant-south", "2026-01-02.json")) == {"path": "/south"}


def test_rows_of_a_query_become_mapped_copies(world: World) -> None:
    run = world.run("taskflow_and_copies.py")
    assert not_successful(run) == set(), log_of(run)
    assert run.states["copies"] == 3 * ["success"]
    assert world.text("copies", "new/3") == "order 3"


def test_notifiers_tell_of_tasks_and_runs(world: World) -> None:
    run = world.run("told.py")
    assert not_successful(run) == set(), log_of(run)
    assert world.messages() == sorted(["told is over", run.run_id])
    (slack,) = world.api.posts
    assert slack[0].endswith("chat.postMessage")
    assert "good" in json.dumps(slack[1])
    (mail,) = world.mail.mails
    assert mail.message["Subject"] == "at_last is tried again"


def test_operators_of_the_plugins_folder_derive_from_those_of_packages(world: World) -> None:
    run = world.run("own_operators.py")
    assert not_successful(run) == set(), log_of(run)
    assert run["check"].xcom() == [1, 2, 3]


def test_sensors_and_operators_wait_without_a_worker(world: World) -> None:
    run = world.run("deferred.py")
    assert not_successful(run) == set(), log_of(run)
    assert world.api.looks == {"/ready/deferred": 3}
    assert world.api.posts == [("/done", {"day": DATE})]
