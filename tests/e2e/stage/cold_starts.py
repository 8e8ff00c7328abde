"""Cold starts of all functions: a package in fresh interpreters, with the events of a run's beginning.

The functions work on tables, queues and a bucket that exist for this alone; nobody but this module takes
messages to them, so that each function's first event is the one meant here.
"""

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import botocore.session

from chalicelib.auth.backends import BASIC_AUTH
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.domain.messages import RunTask, RunTrigger
from chalicelib.queues.messages import decode, encode
from chalicelib.settings import Settings
from tests.e2e.stage.project import OPEN, aws_environment, run
from tests.emulator import ministack

ONE_INVOCATION = Path(__file__).with_name("one_invocation.py")
SQS_EVENT = Path(__file__).parents[2] / "events" / "sqs_message.json"
STAGE = "cold"
DAG_ID = "example_hello"
SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What a process has loaded, and the processor time that took, in milliseconds."""

    modules: tuple[str, ...]
    cpu_ms: int

    @property
    def libraries(self) -> frozenset[str]:
        """The packages at the top, the standard library's left out."""
        return frozenset(name.partition(".")[0] for name in self.modules) - sys.stdlib_module_names


@dataclass(frozen=True, kw_only=True, slots=True)
class ColdStart:
    """A function's process after its import, and after its first event with the answer to it."""

    imported: Loaded
    answered: Loaded
    answer: Any


class Functions:
    """The functions of an unpacked package on an AWS of their own at a port."""

    def __init__(self, package: Path, port: int) -> None:
        self._package = package
        self._settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": STAGE})
        self._environment = aws_environment(port) | {
            "PYTHONPATH": str(package),
            "PYTHONDONTWRITEBYTECODE": "1",
            "UPDRAFT__AWS__STAGE": STAGE,
            "AIRFLOW__API__AUTH_BACKEND": OPEN,
        }

    @cached_property
    def _session(self) -> Any:
        return botocore.session.get_session()

    def _client(self, service: str) -> Any:
        return self._session.create_client(
            service,
            endpoint_url=self._environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def prepare(self) -> None:
        """Make what a stage needs, with the example DAGs and a user."""
        create_missing(stage_resources(self._settings), client=self._client)
        self._command_line("sync")
        self._command_line("dags", "unpause", DAG_ID)
        self._command_line("users", "create", "ada", stdin="secret")

    def cold_starts(self) -> dict[str, ColdStart]:
        """Start each function and give it one event, in the order in which a run needs them."""
        for queue in ("scheduling", "tasks"):  # of the DAG's unpausing, of runs before
            self._forget_messages(queue)
        triggered = self._start("app.app", TRIGGER)
        scheduled = self._start("chalicelib.handlers.scheduler", self._next_message("scheduling"))
        task = self._next_message("tasks")
        return {
            "api_handler": triggered,
            "scheduler": scheduled,
            "triggerer": self._start("chalicelib.handlers.triggerer", _window_of(task)),
            "worker": self._start("chalicelib.handlers.worker", task),
            "events": self._start("chalicelib.handlers.events", json.loads(SQS_EVENT.read_text())),
            "tick": self._start("chalicelib.handlers.tick", TICK),
            "authorizer": self._start(
                "chalicelib.api.authorizer.authorizer", WITH_PASSWORD, AIRFLOW__API__AUTH_BACKEND=BASIC_AUTH
            ),
        }

    def _queue_url(self, queue: str) -> str:
        answer = self._client("sqs").get_queue_url(QueueName=self._settings.resource(queue))
        return str(answer["QueueUrl"])

    def _forget_messages(self, queue: str) -> None:
        self._client("sqs").purge_queue(QueueUrl=self._queue_url(queue))

    def _next_message(self, queue: str) -> dict[str, Any]:
        """The next message, taken from the queue, as Lambda's event."""
        sqs, url = self._client("sqs"), self._queue_url(queue)
        (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{self._settings.resource(queue)}",
            "awsRegion": "us-east-1",
        }
        return {"Records": [record]}

    def _start(self, handler: str, event: Mapping[str, Any], **environment: str) -> ColdStart:
        with TemporaryDirectory() as directory:
            event_file, report_file = Path(directory) / "event.json", Path(directory) / "report.json"
            event_file.write_text(json.dumps(event))
            # Without site and the script's folder: what the package lacks, the functions lack too.
            command = [
                sys.executable,
                "-S",
                "-P",
                str(ONE_INVOCATION),
                handler,
                str(event_file),
                str(report_file),
            ]
            run(command, self._package, self._environment | environment, timeout=SECONDS)
            report = json.loads(report_file.read_text())
        return ColdStart(
            imported=_loaded(report["imported"]),
            answered=_loaded(report["answered"]),
            answer=report["answer"],
        )

    def _command_line(self, *arguments: str, stdin: str = "") -> None:
        command = [sys.executable, "-m", "chalicelib", *arguments]
        run(command, self._package, self._environment, stdin=stdin, timeout=SECONDS)


def _window_of(task: dict[str, Any]) -> dict[str, Any]:
    """The event of a window of a trigger, for a task that does not wait for one any more."""
    (record,) = task["Records"]
    message = decode(record["body"])
    assert isinstance(message, RunTask)
    window = RunTrigger(
        run=message.run,
        task_id=message.task_id,
        try_number=message.try_number,
        window=1,
        due_at=datetime.now(UTC),
    )
    return {"Records": [{**record, "body": encode(window)}]}


def _loaded(report: Mapping[str, Any]) -> Loaded:
    return Loaded(modules=tuple(report["modules"]), cpu_ms=report["cpu_ms"])


@contextmanager
def functions_of(package: Path, python: Path, directory: Path) -> Iterator[Functions]:
    """The functions of an unpacked package on a ministack that a Python runs in a directory."""
    with ministack(python, directory, {}) as emulator:
        functions = Functions(package, emulator.port)
        functions.prepare()
        yield functions


_DAG_RUNS = "/experimental/dags/{dag_id}/dag_runs"

TRIGGER = {
    "requestContext": {
        "httpMethod": "POST",
        "resourcePath": _DAG_RUNS,
        "path": "/api" + _DAG_RUNS,
        "identity": {"sourceIp": "127.0.0.1"},
    },
    "headers": {"Content-Type": "application/json"},
    "multiValueHeaders": {"Content-Type": ["application/json"]},
    "pathParameters": {"dag_id": DAG_ID},
    "multiValueQueryStringParameters": None,
    "stageVariables": None,
    "isBase64Encoded": False,
    "body": json.dumps({"conf": {"who": "you"}}),
}

TICK = {
    "version": "0",
    "id": "00000000-0000-0000-0000-000000000000",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-01-01T12:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}

WITH_PASSWORD = {
    "type": "TOKEN",
    "authorizationToken": f"Basic {base64.b64encode(b'ada:secret').decode()}",
    "methodArn": "arn:aws:execute-api:us-east-1:000000000000:abc123/api/GET/experimental/test",
}
