"""The log of a try is kept and passed on, and nothing secret is in either."""

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.runs.task_logs import continued_log
from chalicelib.telemetry.log_lines import JsonLines
from chalicelib.user_code import output
from chalicelib.user_code.task_log import TaskLog

CHUNK = output._MARK


def chunk(kind: bytes, text: str) -> bytes:
    data = text.encode()
    return CHUNK + output._HEAD.pack(kind, 3, 1, len(data)) + data


def record(text: str, **more: object) -> bytes:
    made = logging.LogRecord("user.code", logging.WARNING, "/dags/file.py", 7, text, None, None)
    vars(made).update(more)
    return chunk(b"r", json.dumps(output._attributes(made, logging.Formatter()), default=str))


def lines(task_log: TaskLog) -> list[str]:
    return [line.partition(" - ")[2] for line in task_log.content.decode().splitlines()]


class Passed(logging.Handler):
    """What CloudWatch would get."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines("updraft-dev-worker"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def passed() -> Iterator[Passed]:
    handler = Passed()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_records_and_text_are_kept_in_the_form_of_airflow() -> None:
    task_log = TaskLog()
    task_log.take(record("careful") + b"printed\nwithout end")
    task_log.finish()
    first, second, third = task_log.content.decode().splitlines()
    assert first.endswith("] {file.py:7} WARNING - careful")
    assert second.endswith("] {output:0} INFO - printed")
    assert third.endswith("] {output:0} INFO - without end")


def test_secrets_are_in_neither_log(passed: Passed) -> None:
    task_log = TaskLog(["of-the-worker"])
    task_log.take(b"before sesame-open is told\n")
    task_log.take(chunk(b"s", "sesame-open"))
    task_log.take(
        record(
            "sesame-open of-the-worker",
            exc_text="Traceback\nValueError: sesame-open",
            stack_info="Stack\n  sesame-open",
            extra={"deep": ["sesame-open"], "sesame-open": 1},
        )
        + b"curl -H 'Authorization: Basic YWRhOmxvdmU=' postgres://leo:karenina@host sesame-open\n"
    )
    task_log.say(logging.ERROR, "it ended for sesame-open")
    told, *after = lines(task_log)
    assert told == "before sesame-open is told"
    for text in ("sesame-open", "of-the-worker", "YWRh", "karenina"):
        assert text not in "\n".join(after)
        assert text not in "\n".join(passed.lines[1:])
    documents = [json.loads(line) for line in passed.lines]
    assert documents[1]["exception"] == "Traceback\nValueError: ***"
    assert documents[1]["stack"] == "Stack\n  ***"
    assert documents[1]["extra"] == {"deep": ["***"], "***": 1}
    assert task_log.redacted("reason: sesame-open") == "reason: ***"


def test_a_key_that_is_printed_line_by_line_is_hidden() -> None:
    task_log = TaskLog()
    task_log.take(chunk(b"s", "-----BEGIN-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n"))
    task_log.take(b"-----BEGIN-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n")
    assert lines(task_log) == ["***", "***", "***"]


OPEN = record("open")


@given(data=st.data())
def test_a_secret_is_hidden_wherever_the_pipe_cuts_it(data: st.DataObject) -> None:
    text = b"a sesame-open b\r\nsesame-open\nsesame-opensesame-open and sesame-" + OPEN + b"open"
    task_log = TaskLog(["sesame-open"])
    while text:
        size = data.draw(st.integers(1, len(text)))
        task_log.take(text[:size])
        text = text[size:]
    task_log.finish()
    assert lines(task_log) == ["a *** b", "***", "open", "****** and ***"]


def test_a_secret_in_a_line_without_end_is_hidden() -> None:
    task_log = TaskLog(["sesame-open"])
    for _ in range(400):
        task_log.take(b"sesame-open." * 100)
    task_log.finish()
    assert b"sesame" not in task_log.content
    assert task_log.content.count(b"***.") == 40_000


def test_extra_fields_without_bottom_become_text() -> None:
    deep: object = "sesame-open"
    for _ in range(100):
        deep = [deep]
    task_log = TaskLog(["sesame-open"])
    task_log.take(record("deep", deep=deep))
    assert lines(task_log) == ["deep"]


def test_a_log_without_end_is_cut() -> None:
    task_log = TaskLog(limit=1000)
    for _ in range(100):
        task_log.take(b"x" * 50 + b"\n")
    assert len(task_log.content) < 1100
    assert task_log.content.endswith(b"too long to keep\n")


def test_a_log_that_goes_on_keeps_what_was_there() -> None:
    assert continued_log(b"", b"one\n") == b"one\n"
    assert continued_log(b"one\n", b"two\n") == b"one\ntwo\n"


def test_a_log_that_goes_on_for_too_long_loses_its_first_lines() -> None:
    note = b"... the beginning of this log was too long to keep\n"
    assert continued_log(b"one\ntwo\nsix\n", b"ten\n", limit=10) == note + b"six\nten\n"
    assert continued_log(b"no line end", b"ten\n", limit=10) == note + b"ten\n"
