"""What a deployed function's log looks like."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib import __version__
from chalicelib.telemetry.bound import bound
from chalicelib.telemetry.log_lines import LONGEST_LINE, LONGEST_TEXT, Fields, JsonLines

ROOT = Path(__file__).parents[3]

Log = Callable[[logging.Logger], None]


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def line_of(log: Log, secrets: tuple[str, ...] = ()) -> str:
    """The line of what is logged."""
    kept = Kept()
    kept.setFormatter(JsonLines("updraft-dev-worker", secrets))
    logger = logging.Logger("user.code")
    logger.addHandler(kept)
    log(logger)
    (line,) = kept.lines
    assert "\n" not in line
    assert line.isascii()
    return line


def document_of(log: Log) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(line_of(log), parse_constant=pytest.fail)
    return document


def test_a_line_says_when_where_what_and_of_which_try() -> None:
    with bound(request_id="r-1", dag_id="etl", execution_date=datetime(2026, 1, 1, tzinfo=UTC), try_number=2):
        document = document_of(lambda logger: logger.warning("took %s s", 3))
    moment = datetime.fromisoformat(document.pop("time"))
    assert moment.utcoffset() is not None
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert document == {
        "level": "WARNING",
        "logger": "user.code",
        "message": "took 3 s",
        "function": "updraft-dev-worker",
        "updraft_version": __version__,
        "request_id": "r-1",
        "dag_id": "etl",
        "execution_date": "2026-01-01T00:00:00+00:00",
        "try_number": 2,
    }


def test_a_message_of_several_lines_is_one_line_of_the_log() -> None:
    text = 'first\nsecond\r\n{"level": "ERROR"}\u2028\N{RIGHT-TO-LEFT OVERRIDE}é'
    assert document_of(lambda logger: logger.info(text))["message"] == text


def test_an_exception_is_text_in_its_field() -> None:
    def log(logger: logging.Logger) -> None:
        try:
            raise KeyError("missing\nkey")
        except KeyError:
            logger.exception("it failed")

    document = document_of(log)
    assert document["message"] == "it failed"
    assert document["exception"].startswith("Traceback (most recent call last):\n")
    assert document["exception"].endswith("KeyError: 'missing\\nkey'")


def test_a_traceback_that_had_secrets_taken_out_is_kept_without_them() -> None:
    def log(logger: logging.Logger) -> None:
        attributes = {
            "msg": "it failed",
            "levelno": logging.ERROR,
            "exc_text": "Traceback\nValueError: it was ***",
        }
        logger.handle(logging.makeLogRecord(attributes))

    assert document_of(log)["exception"].endswith("ValueError: it was ***")


def test_extra_fields_are_added_and_replace_none() -> None:
    with bound(dag_id="etl"):
        document = document_of(
            lambda logger: logger.info("x", extra={"rows": 7, "dag_id": "other", "level": "y", "time": 0})
        )
    assert (document["rows"], document["dag_id"], document["level"]) == (7, "etl", "INFO")


def test_fields_of_their_own_go_before_what_is_bound() -> None:
    fields = Fields("TasksEnded", {"task_id": "b", "TasksEnded": 1})
    with bound(task_id="a", dag_id="etl"):
        document = document_of(lambda logger: logger.info(fields))
    assert {
        "message": "TasksEnded",
        "task_id": "b",
        "TasksEnded": 1,
        "dag_id": "etl",
    }.items() <= document.items()
    assert json.loads(str(fields)) == {"task_id": "b", "TasksEnded": 1}


class Unfriendly:
    def __str__(self) -> str:
        raise RuntimeError("no text of me")


def _circle() -> list[object]:
    circle: list[object] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "value",
    [Unfriendly(), _circle(), {("a", 1): 2}, float("nan"), b"\xff", {1, 2}, datetime(2026, 1, 1, tzinfo=UTC)],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_form_for_is_text(value: object) -> None:
    document = document_of(lambda logger: logger.info("seen", extra={"value": value}))
    assert document["message"] == "seen"
    assert isinstance(document["value"], str)


@pytest.mark.parametrize("arguments", [(1,), (1, 2, 3), ("x", "y")])
def test_a_log_call_that_cannot_be_formatted_is_a_line_nonetheless(arguments: tuple[object, ...]) -> None:
    document = document_of(lambda logger: logger.info("%d and %d", *arguments))
    assert document["message"].startswith("%d and %d (cannot be formatted: ")


def test_long_texts_are_cut_so_that_cloudwatch_does_not_cut_the_line() -> None:
    def log(logger: logging.Logger) -> None:
        try:
            raise ValueError("é" * 100_000 + " at last")
        except ValueError:
            logger.exception("a%s", "é" * 100_000)

    line = line_of(log)
    document = json.loads(line)
    assert len(line) < LONGEST_LINE
    assert document["message"].endswith(f"... ({100_001 - LONGEST_TEXT} more characters)")
    assert document["exception"].endswith(" at last")


def test_extra_fields_that_are_too_much_are_cut() -> None:
    document = document_of(lambda logger: logger.info("seen", extra={"rows": list(range(100_000))}))
    assert (document["message"], len(document["rows"])) == ("seen", 1000)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{'Authorization': 'Basic YWRhOnN3b3JkZmlzaA=='}", "{'Authorization': 'Basic ***'}"),
        ('{"authorization": "Negotiate YII/s3cr3t+=="}', '{"authorization": "Negotiate ***"}'),
        ("Authorization: Bearer a.b-c_d, x", "Authorization: Bearer ***, x"),
        ("GET https://ada:swordfish@example.com/a?b=c", "GET https://ada:***@example.com/a?b=c"),
        ("with key SECRETKEY/123 of ours", "with key *** of ours"),
        ("http://127.0.0.1:8000/a@b and Basic auth stay", "http://127.0.0.1:8000/a@b and Basic auth stay"),
    ],
)
def test_credentials_are_left_out(text: str, kept: str) -> None:
    def log(logger: logging.Logger) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception(text)

    document = json.loads(line_of(log, ("SECRETKEY/123",)))
    assert document["message"] == kept
    assert document["exception"].endswith(f"ValueError: {kept}")


AS_LAMBDA_DOES = """
import logging, sys, time

class KnowsTheRequest(logging.Filter):
    def filter(self, record):
        record.aws_request_id = "request-7"
        return True

handler = logging.StreamHandler(sys.stderr)
handler.addFilter(KnowsTheRequest())
logging.getLogger().addHandler(handler)
"""

LOGS = """
import os, warnings
import chalicelib.api.authorizer, app
from chalicelib.telemetry.log_lines import set_up

set_up(os.environ)
logging.getLogger("chalicelib.engine").info("of ours\\nin two lines")
logging.getLogger("botocore").info("chatter")
logging.getLogger("updraft").error("of Chalice")
warnings.warn("an old call")
"""


def logged(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a fresh process logs that imports what the functions do."""
    return subprocess.run(
        [sys.executable, "-c", AS_LAMBDA_DOES + LOGS],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )


def test_on_lambda_all_that_is_logged_is_one_json_line_each_on_stdout() -> None:
    said = logged({"AWS_LAMBDA_FUNCTION_NAME": "updraft-dev"})
    documents = [json.loads(line) for line in said.stdout.splitlines()]
    assert [each["message"].partition(":")[0] for each in documents] == [
        "of ours\nin two lines",
        "of Chalice",
        "<string>",
    ]
    assert {(each["function"], each["request_id"]) for each in documents} == {("updraft-dev", "request-7")}
    assert said.stderr == ""


def test_elsewhere_the_log_is_as_it_was_set_up() -> None:
    environ = {"AWS_LAMBDA_FUNCTION_NAME": ""}
    del environ["AWS_LAMBDA_FUNCTION_NAME"]
    said = logged(environ)
    assert said.stdout == ""
    assert said.stderr.splitlines()[:3] == ["of ours", "in two lines", "of Chalice"]
