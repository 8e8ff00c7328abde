"""Runs of the DAG files of this package, over installed provider packages and with real waits."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from chalicelib.testing.dags import DagUnderTest, Given, Place, dag_under_test
from chalicelib.testing.results import RunResult
from tests.pages import ROOT

DAGS = Path(__file__).with_name("dags")
DATE = "2026-01-02"

_FOLDER = "UPDRAFT_TESTS_PROVIDERS"
_NEEDED = "UPDRAFT_TESTS_NEED_PROVIDERS"


def installed() -> Path:
    """The folder in which the provider packages are installed; the test is skipped without, or fails."""
    folder = Path(os.environ.get(_FOLDER) or ROOT / ".providers" / "A")
    if not (folder / "airflow" / "providers" / "sftp").is_dir():
        reason = f"Provider packages were not tested: {folder} has none (`make providers`)"
        if os.environ.get(_NEEDED):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


def dag(
    file: str, dag_id: str | None, *, connections: Mapping[str, object], environ: Mapping[str, str]
) -> DagUnderTest:
    """A DAG of a file in the folder ``dags``; None: its only one."""
    given = Given.of(
        variables={},
        connections=connections,
        env={"UPDRAFT__CORE__USER_PACKAGES": str(installed()), **environ},
    )
    place = Place(folder=DAGS, names=(file,), dag_id=dag_id)
    return dag_under_test(place, given, now=None, real_time=True, tell=lambda _run: None)


def not_successful(run: RunResult) -> set[str]:
    """The names of the instances that did not end well."""
    return {each.name for each in run.instances if each.state != "success"}


def log_of(run: RunResult) -> str:
    """All that the run logged."""
    return "".join([*(each.log for each in run.instances), *(call.log for call in run.callbacks)])
