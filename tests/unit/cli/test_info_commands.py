"""``version`` and ``info``: Airflow's version, and our own beside it."""

import json
import sys
from pathlib import Path

import pytest

from chalicelib import __version__
from chalicelib.cli.info import version
from chalicelib.settings import AIRFLOW_VERSION
from tests.scripted.command_line import Terminal, run


def test_a_program_that_asks_for_the_version_reads_airflows_alone() -> None:
    assert run("version").stdout == f"{AIRFLOW_VERSION}\n"


def test_a_terminal_shows_our_version_below_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    version.main([], standalone_mode=False)
    assert terminal.getvalue() == f"{AIRFLOW_VERSION}\nUpdraft {__version__}\n"


def test_info_has_both_versions_for_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("UPDRAFT__LOCAL__STATE_DIR", str(tmp_path / "state"))
    for name in ("UPDRAFT__AWS__STAGE", "AIRFLOW_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    shown = {row["name"]: row["value"] for row in json.loads(run("info", "-o", "json").stdout)}
    assert (shown["updraft version"], shown["airflow version"]) == (__version__, AIRFLOW_VERSION)
