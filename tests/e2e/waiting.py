"""Waiting for what a deployed stage does in its own time."""

import time
from collections.abc import Callable

from tests.contract.runner import Answer
from tests.e2e.project import Project

PATIENCE_SECONDS = 60
"""Far more than a chain of three takes: each function's first call imports it on a busy machine."""


def until(ask: Callable[[], Answer], is_so: Callable[[Answer], bool], stage: Project) -> Answer:
    """Ask every now and then until the answer is as it should become."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so(answer := ask()):
        assert time.monotonic() < deadline, f"{answer}\n{stage.function_logs()}"
        time.sleep(0.2)
    return answer


def is_done(run: Answer) -> bool:
    """Whether a run has ended well."""
    return bool(run.status == 200 and run.body["state"] == "success")
