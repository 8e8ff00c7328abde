"""What tests of tries share: a DAG file made of a function, tried by the worker's own runner."""

import os
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.engine.ports.worker import TryReport
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.environment import without_credentials
from chalicelib.user_code.runner import run_try
from tests.leaks import leak
from tests.scripted.one_run import XComsOfOneRun
from tests.scripted.tries import request

_HEAD = """
import os
import sys
import time
from datetime import datetime, timedelta
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator
"""

_TAIL = """
with DAG("tried", start_date=datetime(2024, 1, 1), schedule=None):
    PythonOperator(task_id="work", python_callable=work{arguments})
"""


@dataclass
class KeptXComs(XComsOfOneRun):
    """XComs of one run, in a dict of texts."""

    texts: dict[str, str] = field(default_factory=dict)
    of_mapped: list[str] = field(default_factory=list)
    """Those of the instances of a mapped task."""

    def push(self, key: str, value: str) -> None:
        self.texts[key] = value

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        return self.texts.get(key)

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        return enumerate(self.of_mapped)

    @property
    def returned(self) -> Any:
        text = self.texts.get("return_value")
        return None if text is None else from_json(text)


def clean_environment(**added: str) -> Callable[[], dict[str, str]]:
    """What a worker gives to tries, with more."""
    return lambda: without_credentials(os.environ) | added


@dataclass
class Tried:
    """A DAG file of one task ``work``, which may be tried and changed."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    xcoms: KeptXComs = field(default_factory=KeptXComs)
    store: MemoryStore = field(default_factory=MemoryStore)
    secrets: SecretsBackend | None = None

    def write(self, body: str, arguments: str = "") -> None:
        """Let the file define the function ``work`` (and whatever else the body says)."""
        code = _HEAD + textwrap.dedent(body) + _TAIL.format(arguments=arguments)
        (self.folder / "tried.py").write_text(code)

    def settle(self) -> None:
        """Let the file be old enough to be told from one that is being written."""
        long_ago = time.time() - 60
        os.utime(self.folder / "tried.py", (long_ago, long_ago))

    def run(self, time_left: timedelta | None = None, **changes: Any) -> TryReport:
        """Try the task."""
        runner = run_try(
            self.folder,
            self.store.variables,
            clean_environment(**self.environ),
            connections=self.store.connections,
            secrets=self.secrets,
        )
        report = runner(request(time_left=time_left, **changes), self.xcoms)
        assert leak(report.log.decode() + report.outcome.reason) is None
        return report

    def once(self, body: str, arguments: str = "", time_left: timedelta | None = None) -> TryReport:
        """Write the file and try its task."""
        self.write(body, arguments)
        return self.run(time_left)


def said(report: TryReport) -> list[str]:
    """The lines of the log, without their times and places."""
    return [line.partition(" - ")[2] for line in report.log.decode().splitlines()]


def is_alive(pid: int) -> bool:
    """Whether a process is there that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
