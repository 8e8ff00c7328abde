"""Text, records and masks come out of a try's pipe in the order in which they went in, however cut."""

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.user_code.output import (
    Item,
    Lines,
    OutputReader,
    OutputWriter,
    Prints,
    Record,
    RecordsToWorker,
    Secret,
    Text,
)

FORMATTER = logging.Formatter()


class Pipe:
    """Keeps what an ``OutputWriter`` writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = b""
        monkeypatch.setattr(os, "write", self._write)
        self.writer = OutputWriter(-1)

    def _write(self, _descriptor: int, data: bytes) -> int:
        assert len(data) <= 4096, "the kernel mixes what is longer"
        self.data += data
        return len(data)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    with monkeypatch.context() as patch:
        yield Pipe(patch)


def record(text: str, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("user.code", logging.INFO, "/dags/file.py", 7, text, None, None)
    vars(made).update(more)
    return made


def read(data: bytes, size: int = 1 << 20) -> list[Item]:
    """The items of such bytes, cut in pieces; neighbouring texts joined."""
    reader = OutputReader()
    items = [item for start in range(0, len(data), size) for item in reader.items(data[start : start + size])]
    joined: list[Item] = []
    for item in (*items, *reader.rest()):
        if isinstance(item, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].data + item.data)
        else:
            joined.append(item)
    return joined


def messages(items: Iterable[Item]) -> list[object]:
    return [item.attributes["msg"] if isinstance(item, Record) else item for item in items]


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_everything_comes_in_its_order(pipe: Pipe, size: int) -> None:
    pipe.writer.secret("the secret")
    pipe.data += b"printed"
    pipe.writer.record(record("a long one " * 2000), FORMATTER)
    pipe.data += b" by a child\n\x1e\x02upd"
    pipe.writer.record(record("short"), FORMATTER)
    assert messages(read(pipe.data, size)) == [
        Secret("the secret"),
        Text(b"printed"),
        "a long one " * 2000,
        Text(b" by a child\n\x1e\x02upd"),
        "short",
    ]


def test_a_record_keeps_where_it_is_from_its_traceback_and_its_fields(pipe: Pipe) -> None:
    try:
        raise KeyError("no")
    except KeyError as error:
        made = record("it failed", exc_info=(KeyError, error, error.__traceback__), rows=7, when=object)
    made.stack_info = "Stack (most recent call last):\n  here"
    pipe.writer.record(made, FORMATTER)
    (item,) = read(pipe.data)
    assert isinstance(item, Record)
    attributes = item.attributes
    assert (attributes["name"], attributes["filename"], attributes["lineno"]) == ("user.code", "file.py", 7)
    assert attributes["exc_text"].endswith("KeyError: 'no'")
    assert attributes["stack_info"].endswith("here")
    assert (attributes["rows"], attributes["when"]) == (7, str(object))
    assert attributes["created"] == made.created


def test_a_log_call_that_cannot_be_formatted_is_a_record_nonetheless(pipe: Pipe) -> None:
    pipe.writer.record(record("%d", args=("x",)), FORMATTER)
    (message,) = messages(read(pipe.data))
    assert str(message).startswith("%d (cannot be formatted: ")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_bytes_that_are_no_chunks_are_text(data: bytes, size: int) -> None:
    assert b"".join(item.data for item in read(data, size) if isinstance(item, Text)) == data


CHUNK = b"\x1e\x02updraft\x1e"


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(CHUNK + b"r\x03"), st.just(CHUNK)), max_size=8))
def test_broken_chunks_hurt_nobody(pieces: list[bytes]) -> None:
    for item in read(b"".join(pieces), 3):
        assert isinstance(item, Text | Record | Secret)


@pytest.mark.parametrize(
    "forged",
    [
        "[]",
        "{}",
        "no JSON",
        json.dumps({"msg": 1}),
        json.dumps({"msg": "x", "name": "n", "created": 1e300}),
    ],
)
def test_a_record_that_a_handler_could_fall_over_is_left_out(pipe: Pipe, forged: str) -> None:
    pipe.writer._write(b"r", forged)
    assert read(pipe.data) == []


def test_what_a_record_may_not_set_is_left_out(pipe: Pipe) -> None:
    pipe.writer.record(record("100 %"), FORMATTER)
    start = pipe.data.index(b"{")
    forged = {**json.loads(pipe.data[start:]), "args": [1], "exc_info": True}
    pipe.data = b""
    pipe.writer._write(b"r", json.dumps(forged))
    (item,) = read(pipe.data)
    assert isinstance(item, Record)
    assert {"args", "exc_info"} & item.attributes.keys() == set()


@given(st.text(), st.integers(1, 9))
def test_lines_are_those_of_the_whole_text(text: str, size: int) -> None:
    data = text.encode("utf-8", "replace")
    lines = Lines(len)
    found = [line for start in range(0, len(data), size) for line in lines.lines(data[start : start + size])]
    found += lines.finish()
    whole = data.decode("utf-8", "backslashreplace").split("\n")
    *complete, rest = whole
    assert found == [line.removesuffix("\r") for line in complete] + ([rest] if rest else [])


def test_a_line_without_end_comes_in_parts() -> None:
    lines = Lines(lambda text: len(text) - 10)
    parts = list(lines.lines(b"x" * 250_000))
    assert [len(part) for part in parts] == [249_990]
    assert list(lines.finish()) == ["x" * 10]


def test_binary_output_is_shown() -> None:
    assert list(Lines(len).lines(b"\xff\xfe\n")) == ["\\xff\\xfe"]


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def kept() -> tuple[logging.Logger, Kept]:
    logger, handler = logging.Logger("of.this.test"), Kept()
    logger.addHandler(handler)
    return logger, handler


def test_threads_of_the_task_are_heard_without_mixing_their_lines(
    kept: tuple[logging.Logger, Kept],
) -> None:
    logger, handler = kept
    prints = Prints(logger, None)  # type: ignore[arg-type]  # nothing reads from it

    def count(name: str) -> None:
        for number in range(50):
            print(name, end=" ", file=prints)
            print(number, file=prints)

    threads = [threading.Thread(target=count, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(handler.texts) == sorted(f"{name} {number}" for name in "ab" for number in range(50))


def test_an_unfinished_line_is_logged_at_the_end(kept: tuple[logging.Logger, Kept]) -> None:
    logger, handler = kept
    prints = Prints(logger, None)  # type: ignore[arg-type]  # nothing reads from it
    prints.write("one\ntwo")
    assert handler.texts == ["one"]
    prints.finish()
    assert handler.texts == ["one", "two"]


def test_the_handler_of_a_try_takes_what_is_info_and_above(pipe: Pipe) -> None:
    logger = logging.Logger("of.this.test")
    logger.addHandler(RecordsToWorker(pipe.writer))
    logger.debug("not this")
    logger.warning("this %s", "one")
    assert messages(read(pipe.data)) == ["this one"]
