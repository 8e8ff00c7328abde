"""Progress on a terminal, and where there is none."""

import sys

import pytest

from chalicelib.cli.output.progress import Progress
from tests.scripted.command_line import Terminal


def work() -> None:
    with Progress("daily", 3) as progress:
        progress.reach(1)
        progress.tell("one is over")
        progress.reach(3)


def test_a_terminal_shows_a_bar_that_lines_do_not_break(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    work()
    shown = terminal.getvalue()
    assert "daily" in shown
    assert "1/3" in shown
    assert "\r\033[K" in shown
    assert shown.rindex("3/3") > shown.index("\033[K")
    assert shown.endswith("\n")
    assert capsys.readouterr().out == "one is over\n"


def test_there_may_be_more_to_do_by_now(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("daily", 3) as progress:
        progress.reach(1, length=5)
    assert "1/5" in terminal.getvalue()


def test_elsewhere_only_the_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    work()
    assert capsys.readouterr() == ("one is over\n", "")
