"""A connection that is taken and never answered costs a function some seconds, not all of its time."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from chalicelib import aws
from chalicelib.aws import ELSEWHERE, IN_A_FUNCTION, Patience, patience
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.store.dynamodb.connection import ATTEMPTS, DynamoDB
from tests.moto_aws import fresh_clients, no_sleep

CONFIG = json.loads((Path(__file__).parents[3] / ".chalice" / "config.json").read_text())

QUICK = Patience(connect_s=0.5, read_s=0.1, attempts=3, last_attempt_s=30)


class Hangs:
    """Takes connections and says nothing."""

    def __init__(self, listening: socket.socket) -> None:
        self.port = listening.getsockname()[1]
        self.taken: list[socket.socket] = []
        self._listening = listening

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            self.taken.append(connection)


@contextmanager
def hanging() -> Iterator[Hangs]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Hangs(listening)
        thread = Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in server.taken:
        connection.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hangs]:
    """Where all requests to AWS go, and none is answered."""
    with hanging() as running, fresh_clients():
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{running.port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield running


def test_a_request_to_the_store_that_nobody_answers_is_sent_again_and_given_up(server: Hangs) -> None:
    dynamodb = DynamoDB(no_sleep, patience=QUICK)
    with pytest.raises(StoreUnavailable, match="ReadTimeoutError"):
        dynamodb.send("GetItem", {"TableName": "dags", "Key": {"dag_id": {"S": "sales"}}})
    assert len(server.taken) == ATTEMPTS


@pytest.mark.parametrize("service", ["sqs", "s3", "secretsmanager", "ssm"])
def test_a_request_to_another_service_that_nobody_answers_is_given_up_too(
    server: Hangs, service: str
) -> None:
    requests: dict[str, Callable[[Any], object]] = {
        "sqs": lambda client: client.list_queues(),
        "s3": lambda client: client.list_buckets(),
        "secretsmanager": lambda client: client.get_secret_value(SecretId="keytab"),
        "ssm": lambda client: client.get_parameter(Name="keytab"),
    }
    with pytest.raises(BotoCoreError):
        requests[service](aws.session().create_client(service, config=aws.client_config(QUICK)))
    assert len(server.taken) == QUICK.attempts


def test_no_attempt_begins_when_a_function_has_no_time_for_it() -> None:
    now = [100.0]
    begun: list[float] = []

    def hang() -> None:
        begun.append(now[0] - 100)
        now[0] += IN_A_FUNCTION.connect_s + IN_A_FUNCTION.read_s
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    dynamodb = DynamoDB(no_sleep, clock=lambda: now[0], patience=IN_A_FUNCTION)
    with pytest.raises(StoreUnavailable):
        dynamodb.until_done("GetItem on dags", hang)
    assert max(begun) <= IN_A_FUNCTION.last_attempt_s
    assert now[0] - 100 <= IN_A_FUNCTION.longest_s


def test_one_hung_connection_leaves_time_for_another_attempt() -> None:
    assert IN_A_FUNCTION.read_s < IN_A_FUNCTION.last_attempt_s
    assert IN_A_FUNCTION.connect_s < IN_A_FUNCTION.last_attempt_s


@pytest.mark.parametrize("function", CONFIG["lambda_functions"])
def test_a_store_that_hangs_is_given_up_before_any_function_ends(function: str) -> None:
    timeout = CONFIG["lambda_functions"][function].get("lambda_timeout", 900)
    assert IN_A_FUNCTION.longest_s < timeout


def test_queues_and_bucket_that_hang_are_given_up_before_a_request_to_the_api_ends() -> None:
    pauses = sum(2**attempt for attempt in range(IN_A_FUNCTION.attempts - 1))  # botocore's at most
    longest = IN_A_FUNCTION.attempts * (IN_A_FUNCTION.connect_s + IN_A_FUNCTION.read_s) + pauses
    assert longest < CONFIG["lambda_functions"]["api_handler"]["lambda_timeout"]


def test_clients_keep_their_connections_alive(server: Hangs) -> None:
    assert aws.client("sqs").meta.config.tcp_keepalive
    assert DynamoDB()._connection.client.meta.config.tcp_keepalive


def test_only_functions_on_lambda_are_in_a_hurry() -> None:
    assert patience({"AWS_LAMBDA_FUNCTION_NAME": "updraft-dev"}) == IN_A_FUNCTION
    assert patience({}) == ELSEWHERE
    emulated = {"AWS_LAMBDA_FUNCTION_NAME": "updraft-dev", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert patience(emulated) == ELSEWHERE
