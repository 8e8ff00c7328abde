"""Events on the local server: recorded ones by the command line, real messages by its queue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from chalicelib.local.emulator import aws_environment
from chalicelib.local.state_folder import published_endpoint
from tests.integration.server.api import Run
from tests.integration.server.conftest import NewServer
from tests.integration.server.server import Server
from tests.waiting import wait_for

S3_RUN = "s3__sha256:"


@pytest.fixture(scope="module")
def sqs(server: Server) -> Iterator[Any]:
    endpoint = published_endpoint(server.state)
    assert endpoint
    environ = aws_environment(endpoint)
    client = botocore.session.get_session().create_client(
        "sqs",
        endpoint_url=endpoint.url,
        region_name=environ["AWS_DEFAULT_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    yield client
    client.close()


def runs_of(server: Server, run_id: str) -> list[Run]:
    return [
        Run(api=server.api, dag_id="napping", execution_date=run["execution_date"])
        for run in server.api.get("/dags/napping/dag_runs")
        if run["run_id"].startswith(run_id)
    ]


def dead_letters(sqs: Any) -> dict[str, str]:
    """The reasons of the dead letters by their bodies; they are then gone."""
    url = sqs.get_queue_url(QueueName="updraft-local-events-dead-letters")["QueueUrl"]
    found: dict[str, str] = {}

    def look() -> bool:
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        for message in answer.get("Messages", ()):
            found[message["Body"]] = message["MessageAttributes"]["ErrorMessage"]["StringValue"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bool(found)

    wait_for(look)
    return found


@pytest.mark.parametrize(
    ("file", "run_id"),
    [
        ("s3_object_created", S3_RUN),
        ("eventbridge_custom", "eventbridge__7bf73129-1428-4cd3-a780-95db273d1602"),
        ("sns_notification", "sns__165545c9-2a5c-472c-8df2-7ff2be2b3b1b"),
        ("sqs_message", "sqs__"),
    ],
)
def test_a_recorded_event_triggers_a_run_that_ends_well(server: Server, file: str, run_id: str) -> None:
    said = server.command_line("events", "send", f"tests/events/{file}.json")
    assert f"(napping): run {run_id}" in said
    expected = said.rpartition(" run ")[2].strip()
    wait_for(lambda: runs_of(server, expected))
    (run,) = runs_of(server, expected)
    assert run.ends() == "success"


def test_an_event_that_is_sent_twice_makes_one_run(server: Server) -> None:
    for _ in range(2):
        server.command_line("events", "send", "tests/events/eventbridge_custom.json")
    after = server.command_line("events", "send", "tests/events/sqs_message.json")
    wait_for(lambda: runs_of(server, after.rpartition(" run ")[2].strip()))
    wait_for(lambda: runs_of(server, "eventbridge__7bf73129"))
    assert len(runs_of(server, "eventbridge__7bf73129")) == 1


def test_a_real_message_with_attributes_triggers_a_run(server: Server, sqs: Any) -> None:
    url = sqs.get_queue_url(QueueName="updraft-local-events")["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody=json.dumps({"who": "Zoë"}),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "greeting"}},
    )
    wait_for(lambda: runs_of(server, f"sqs__{sent['MessageId']}"))


def test_what_triggers_nothing_is_put_aside_with_the_reason(server: Server, sqs: Any, tmp_path: Path) -> None:
    said = server.command_line("events", "send", "tests/events/sqs_undeclared_message.json")
    assert "No declaration fits it." in said
    assert list(dead_letters(sqs).values()) == ["No declaration fits this message"]
    url = sqs.get_queue_url(QueueName="updraft-local-events")["QueueUrl"]
    kind = {"kind": {"DataType": "String", "StringValue": "lost"}}
    sqs.send_message(QueueUrl=url, MessageBody="find me", MessageAttributes=kind)
    assert dead_letters(sqs) == {"find me": "Dag id no_such_dag not found in DagModel"}


def test_the_server_tells_of_declarations_for_dags_that_it_does_not_have(server: Server) -> None:
    assert "events.toml, event 5 (no_such_dag): no DAG file defines this DAG." in server.output


def test_a_broken_file_of_declarations_is_one_line_and_no_start(
    new_server: NewServer, tmp_path: Path
) -> None:
    file = tmp_path / "broken.toml"
    file.write_text('[[event]]\ndag_id = "napping"\nsource = "s3"\n')
    server = new_server(UPDRAFT__EVENTS__FILE=str(file))
    assert server.refuse_to_start() == "broken.toml, event 1 (napping): bucket is missing"
