"""The worker's side of one try: hands it over, answers it, hears its log, ends it when its time is over."""

import contextlib
import logging
import os
import selectors
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.schedule.custom import TimetableAnswer
from chalicelib.user_code.fork_server_client import ForkServerClient, ForkServerGone
from chalicelib.user_code.frames import BrokenChannel, TooLong, channel_pair
from chalicelib.user_code.jobs import (
    OUTCOME,
    BadOutcome,
    Job,
    answer_of_frame,
    outcome_of_frame,
    rendered_of_frame,
)
from chalicelib.user_code.surroundings import Surroundings
from chalicelib.user_code.task_log import TaskLog

GRACE = timedelta(seconds=10)
"""Between asking a try to end (SIGTERM, ``on_kill``) and killing it, if there is that much time."""

TO_WRITE_THE_END = timedelta(seconds=20)
"""Kept of an invocation's time for log and end of the try, if there is that much: DynamoDB may be slow."""

_SHARE = 6
"""Of an invocation with little time each of the two gets that part."""

_PATIENCE_SECONDS = 10.0
"""What a frame may take from its first byte to its last."""

_LOOK_EVERY_SECONDS = 0.5
_ASK_EVERY_SECONDS = 1.0
"""How often the store is asked whether a try was stopped, where something may stop it: a read a second costs
some 3 % of what Lambda asks for a function of 512 MB."""

_ENDS_WITHIN_SECONDS = 5.0
"""How long a process may take to be gone that has told its outcome, or was killed."""

_PIECE = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TryEnd:
    """How a try's process ended."""

    outcome: TryOutcome | None = None
    """What it told; None: it told none."""
    answer: TimetableAnswer | None = None
    """What the timetable answered, where one was asked."""
    rendered: Mapping[str, str] | None = None
    """The templated attributes as texts, where they were asked for."""
    reason: str = ""
    """Why it ended, where it told no outcome."""
    is_cut_short: bool = False
    """Whether it was asked to end, for that reason."""
    has_begun: bool = True
    """Whether user code may have run."""


class NotBegun(Exception):
    """The try's process was never there, through no fault of user code: it may be handed over again."""


class Watch:
    """One try at work; ``run`` is called once."""

    def __init__(
        self,
        server: ForkServerClient,
        folder: Path,
        job: Job,
        around: Surroundings,
        task_log: TaskLog,
        *,
        on_begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._server = server
        self._folder = folder
        self._job = job
        self._around = around
        self._log = task_log
        self._on_begin = on_begin
        self._id = uuid.uuid4().hex
        self._control, self._their_control = channel_pair(_PATIENCE_SECONDS)
        self._stream, self._their_stream = channel_pair(_PATIENCE_SECONDS)
        self._output, self._their_output = os.pipe()
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._began_at = time.monotonic()
        self._has_begun = False
        self._is_over = False
        self._outcome: TryOutcome | None = None
        self._answer: TimetableAnswer | None = None
        self._rendered: Mapping[str, str] | None = None
        self._reason = ""
        self._cut_short_for = ""
        self._kill_at: float | None = None
        self._end_at, self._grace = _bounds(job.request.time_left)
        self._why_stopped = job.request.why_stopped if isinstance(job.request, TryRequest) else None
        self._ask_at = self._began_at + _ASK_EVERY_SECONDS

    def run(self) -> TryEnd:
        """See the try through; whatever happens, nothing of it lives on.

        Raises ``ForkServerGone`` and ``NotBegun``, and what of the store's ports ends the worker itself.
        """
        try:
            self._hand_over()
            with self._told_to_end():
                try:
                    self._until_it_is_over()
                except KeyboardInterrupt:
                    self._cut_short("it was interrupted")
                    self._until_it_is_over()
                    raise
        finally:
            self._close()
        return self._end()

    def _hand_over(self) -> None:
        ends = (self._their_control, self._their_stream, self._their_output)
        try:
            self._server.hand_over(self._id, self._folder, self._job.filename, self._control, ends)
        finally:
            self._their_control.close()
            self._their_stream.close()
            os.close(self._their_output)
        for end, act in ((self._control, self._hear_of_it), (self._stream, self._hear_from_it)):
            self._selector.register(end, selectors.EVENT_READ, act)
        self._selector.register(self._output, selectors.EVENT_READ, self._read_output)

    def _until_it_is_over(self) -> None:
        while not self._is_over:
            for key, _ in self._selector.select(_LOOK_EVERY_SECONDS):
                act: Callable[[], None] = key.data
                act()
            self._look_at_the_clock()

    # -- what is heard ----------------------------------------------------------------------------

    def _hear_of_it(self) -> None:
        """Its template, or the fork server, tells what became of its process."""
        try:
            frame = self._control.receive()
        except BrokenChannel:
            frame = None
        match frame[0] if frame else {}:
            case {"started": int()}:
                self._has_begun = True
                self._on_begin()
                with contextlib.suppress(OSError):  # it is gone already: its end is told next
                    self._stream.send(*self._job.frame())
                return
            case {"ended": int() as code}:
                self._reason = self._reason or _ended(code)
            case {"load_failed": str() as message}:
                self._reason = f"{self._job.filename} cannot be loaded: {message}"
            case {"load_ended": int() as code}:
                ended = _ended(code).removeprefix("its process ")
                self._reason = self._reason or (
                    f"{self._job.filename} cannot be loaded: the process that loads it {ended}"
                )
            case {"lost": True}:
                raise NotBegun
            case {"template_ended": True}:
                self._reason = self._reason or "the process that had loaded its DAG file is gone"
            case _ if not self._has_begun:
                raise ForkServerGone
            case _:
                self._reason = self._reason or "the process that had loaded its DAG file is gone"
        self._is_over = True

    def _hear_from_it(self) -> None:
        """It asks for something, or tells its outcome."""
        try:
            frame = self._stream.receive()
            if frame is None:
                self._selector.unregister(self._stream)
            elif frame[0].get("op") == OUTCOME:
                self._outcome = self._outcome or outcome_of_frame(frame[0])
                self._answer = self._answer or answer_of_frame(frame[0])
                self._rendered = self._rendered or rendered_of_frame(frame[0])
                self._kill_at = time.monotonic() + _ENDS_WITHIN_SECONDS
            elif self._outcome is None:
                self._stream.send(*self._around.answer(*frame))
        except (BrokenChannel, BadOutcome, TooLong, OSError) as error:
            self._selector.unregister(self._stream)
            if self._outcome is None:
                self._reason = self._reason or f"its process did not keep to the protocol: {error}"
            self._kill()

    def _read_output(self) -> None:
        try:
            data = os.read(self._output, _PIECE)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(self._output)
        self._log.take(data)

    # -- its end ----------------------------------------------------------------------------------

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if self._end_at is not None and now >= self._end_at and not self._cut_short_for:
            self._cut_short(f"it was stopped after {self._ran():.0f} s: its worker has no more time")
        if now >= self._ask_at and self._outcome is None and not self._cut_short_for:
            self._ask_at = now + _ASK_EVERY_SECONDS
            self._ask_whether_it_goes_on()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = now + self._grace
            self._kill()

    def _ask_whether_it_goes_on(self) -> None:
        reason = self._why_stopped() if self._why_stopped else None
        if reason is not None:
            self._cut_short(f"it was stopped: {reason}")

    def _ran(self) -> float:
        return time.monotonic() - self._began_at

    def _cut_short(self, reason: str) -> None:
        """Ask it to end, as Airflow does; if it does not within the grace, it is killed."""
        self._cut_short_for = reason
        self._log.say(logging.ERROR, f"The try is told to end: {reason}")
        self._kill_at = time.monotonic() + self._grace
        self._signal(signal.SIGTERM)

    def _kill(self) -> None:
        if self._has_begun:
            self._signal(signal.SIGKILL)
        else:
            self._server.abandon(self._id)

    def _signal(self, number: int) -> None:
        if not self._has_begun:
            self._server.abandon(self._id)
            return
        with contextlib.suppress(OSError, TooLong):  # its template is gone, and with it the try
            self._control.send({"signal": int(number)})

    @contextlib.contextmanager
    def _told_to_end(self) -> Iterator[None]:
        """When the worker is told to end (SIGTERM), the try is."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(_number: int, _frame: FrameType | None) -> None:
            if not self._cut_short_for:
                self._cut_short("its worker received SIGTERM")

        previous = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _close(self) -> None:
        until = time.monotonic() + _ENDS_WITHIN_SECONDS
        if not self._is_over:
            self._kill()
        with contextlib.suppress(ForkServerGone, NotBegun):
            while self._has_begun and not self._is_over and time.monotonic() < until:
                self._hear_of_it()
        self._control.close()  # which is the try's end, too
        self._stream.close()
        with contextlib.suppress(BlockingIOError):
            while time.monotonic() < until and (data := os.read(self._output, _PIECE)):
                self._log.take(data)
        self._log.finish()
        os.close(self._output)
        self._selector.close()

    def _end(self) -> TryEnd:
        if self._cut_short_for:
            return TryEnd(outcome=self._outcome, reason=self._cut_short_for, is_cut_short=True)
        if self._outcome is not None:
            return TryEnd(outcome=self._outcome, answer=self._answer, rendered=self._rendered)
        return TryEnd(reason=self._reason, has_begun=self._has_begun)


def _bounds(time_left: timedelta | None) -> tuple[float | None, float]:
    """When a try is to be asked to end (never: None), and the seconds of grace until it is killed."""
    if time_left is None:
        return None, GRACE.total_seconds()
    grace, to_write = (min(time, time_left / _SHARE) for time in (GRACE, TO_WRITE_THE_END))
    end_at = time.monotonic() + (time_left - grace - to_write).total_seconds()
    return end_at, grace.total_seconds()


def _ended(code: int) -> str:
    """How a process ended that told no outcome, by its exit code (negative: a signal)."""
    if code >= 0:
        return f"its process ended with exit status {code} before the task was over"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", as happens when memory runs out" if -code == signal.SIGKILL else ""
    return f"its process was killed by {name}{hint}"
