"""Runs of DAG files over installed provider packages, by the command line in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DAGS = Path(__file__).with_name("dags")
SECONDS = 240

_SETTINGS_OF_OTHERS = ("AIRFLOW_", "UPDRAFT__", "AWS_")
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How a run ended."""

    state: str
    tasks: Mapping[str, str]
    """States by task id."""
    log: str
    """What was said meanwhile, the logs of all tries among it."""


def run(dag_id: str, file: str, environ: Mapping[str, str], *, date: str = "2026-01-02") -> Ran:
    """Run a DAG of a file in the folder ``dags``, with connections and settings from ``environ``."""
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib", "dags", "test", dag_id, date, "-S", DAGS / file, *_OPTIONS],
        cwd=ROOT,
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    last = (done.stdout.splitlines() or [""])[-1]
    assert last.startswith("{"), done.stdout + done.stderr
    states = json.loads(last)
    tasks = {task_id: state for task_id, _, state in states["tasks"]}
    return Ran(state=states["run"], tasks=tasks, log=done.stdout + done.stderr)


_OPTIONS = ("--real-time", "--verbose", "--json")


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """That of a process that finds the packages, without settings of the one that runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_OF_OTHERS)}
    folder = str(installed())
    return {**own, "PYTHONPATH": folder, "UPDRAFT__CORE__USER_PACKAGES": folder, **environ}
