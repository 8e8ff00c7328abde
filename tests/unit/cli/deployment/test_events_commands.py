"""``events``: what it says before it does anything."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from chalicelib import bootstrap
from chalicelib.cli.deployment.events import connect, send
from chalicelib.settings import Settings


def test_the_local_server_cannot_be_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with bootstrap.use(settings=Settings.from_environ({})):
        done = CliRunner().invoke(connect)
    assert done.exit_code == 1
    assert "The local server has no EventBridge and no SNS" in done.output


def test_a_broken_file_of_declarations_stops_a_connection(tmp_path: Path) -> None:
    file = tmp_path / "events.toml"
    file.write_text('[[event]]\ndag_id = "load"\nsource = "s3"\n')
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__EVENTS__FILE": str(file)})
    with bootstrap.use(settings=settings):
        done = CliRunner().invoke(connect)
    assert (done.exit_code, done.output) == (1, "Error: events.toml, event 1 (load): bucket is missing\n")


def test_a_file_that_is_no_text_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    file = tmp_path / "event.json"
    file.write_bytes(b"\xff\xfe")
    with bootstrap.use(settings=Settings.from_environ({})):
        done = CliRunner().invoke(send, [str(file)])
    assert done.exit_code == 1
    assert "is not UTF-8" in done.output
