"""The ports of a worker: what it runs user code with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.schedule.custom import TimetableAnswer, TimetableQuestion


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """The invocation that runs a try: its id (unique), its end, and where it runs."""

    token: str
    ends_at: datetime
    hostname: str
    unixname: str
    pid: int


class RunningXComs(Protocol):
    """The XComs of a run, as a running try sees them."""

    @property
    def run_uid(self) -> str:
        """The run's."""

    def push(self, key: str, value: str) -> None:
        """Keep a JSON text as this task's value of that key."""

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        """Another task's value of that key as JSON text, or None."""

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Map index and JSON text of each instance of a mapped task that pushed that key, by index."""

    def elsewhere(self, source: XComSource) -> Iterator["RunningXComs"]:
        """The XComs of other runs, the latest run first."""

    def of_run(self, run_uid: str) -> "RunningXComs":
        """The XComs of another run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TryReport:
    """The end of a try with what it printed and logged."""

    outcome: TryOutcome
    log: bytes


RunTry = Callable[[TryRequest, RunningXComs], TryReport]
"""Runs user code: the worker's, over the deployed DAG files, or a test's."""


RunWindow = Callable[[WindowRequest], tuple[WindowOutcome, ...]]
"""Runs triggers for a window, side by side; one outcome for each, in their order."""

AskTimetable = Callable[[TimetableQuestion], TimetableAnswer]
"""Asks the timetable of a DAG file, as above. What it raises, and that it takes too long, is the answer."""


RunCallbacks = Callable[[CallbackRequest, RunningXComs], bytes]
"""Calls the user's callbacks, as above; what they printed and logged. What they raise is in there too."""
