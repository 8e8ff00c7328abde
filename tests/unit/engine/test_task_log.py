"""What a try prints and logs is kept, and still goes where it went before."""

import logging
import sys
import threading

import pytest

from chalicelib.engine import task_log
from chalicelib.engine.task_log import captured_log, continued_log

LOG = logging.getLogger("airflow.task")


def lines(kept: task_log.KeptLog) -> list[str]:
    return [line.partition(" - ")[2] for line in kept.content.decode().splitlines()]


def test_logs_and_prints_are_kept_in_order() -> None:
    with captured_log(LOG) as kept:
        print("first")
        LOG.info("second")
        print("third", end="")
        print(" and the rest", file=sys.stderr)
        LOG.debug("not this")
    assert lines(kept) == ["first", "second", " and the rest", "third"]


def test_a_line_tells_when_where_and_how_bad() -> None:
    with captured_log(LOG) as kept:
        LOG.warning("careful")
    assert "{test_task_log.py:" in kept.content.decode()
    assert "WARNING - careful" in kept.content.decode()


def test_threads_of_the_task_are_heard_without_mixing_their_lines() -> None:
    def count(name: str) -> None:
        for number in range(50):
            print(name, end=" ")
            print(number)

    with captured_log(LOG) as kept:
        threads = [threading.Thread(target=count, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(lines(kept)) == sorted(f"{name} {number}" for name in "ab" for number in range(50))


def test_streams_and_levels_are_as_before_afterwards() -> None:
    before = (sys.stdout, sys.stderr, logging.getLogger().level, list(logging.getLogger().handlers))
    with captured_log(LOG):
        assert sys.stdout is not before[0]
    assert (
        sys.stdout,
        sys.stderr,
        logging.getLogger().level,
        list(logging.getLogger().handlers),
    ) == before


def test_a_handler_that_prints_does_not_log_its_own_output(capsys: pytest.CaptureFixture[str]) -> None:
    class Printing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(f"console: {record.getMessage()}")

    handler = Printing()
    logging.getLogger().addHandler(handler)
    try:
        with captured_log(LOG) as kept:
            print("once")
    finally:
        logging.getLogger().removeHandler(handler)
    assert lines(kept) == ["once"]
    assert capsys.readouterr().out == "console: once\n"


def test_a_log_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_log, "MAX_LOG_BYTES", 1000)
    with captured_log(LOG) as kept:
        for _ in range(100):
            print("x" * 50)
    assert len(kept.content) < 1100
    assert kept.content.endswith(b"too long to keep\n")


def test_a_log_that_goes_on_keeps_what_was_there() -> None:
    assert continued_log(b"", b"one\n") == b"one\n"
    assert continued_log(b"one\n", b"two\n") == b"one\ntwo\n"


def test_a_log_that_goes_on_for_too_long_loses_its_first_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.engine.task_log.MAX_LOG_BYTES", 10)
    note = b"... the beginning of this log was too long to keep\n"
    assert continued_log(b"one\ntwo\nsix\n", b"ten\n") == note + b"six\nten\n"
    assert continued_log(b"no line end", b"ten\n") == note + b"ten\n"
