"""Waiting for what a deployed stage does in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.e2e.stage.project import Project
from tests.scripted.asking import Answer

PATIENCE_SECONDS = 90
"""Far more than a chain of three takes: each function's first call imports it on a busy machine."""

Found = TypeVar("Found")


def until(
    ask: Callable[[], Found],
    is_so: Callable[[Found], bool],
    stage: Project,
    seconds: float = PATIENCE_SECONDS,
) -> Found:
    """Ask every now and then until the answer is as it should become."""
    deadline = time.monotonic() + seconds
    while not is_so(answer := ask()):
        assert time.monotonic() < deadline, f"{answer}\n{stage.function_logs()}"
        time.sleep(0.2)
    return answer


def is_done(run: Answer) -> bool:
    """Whether a run has ended well."""
    return bool(run.status == 200 and run.body["state"] == "success")
