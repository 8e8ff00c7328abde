"""The work of the deployed handlers on a message, without their event sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import Message, RunCallback, RunTask, RunTrigger, TimetableMessage
from chalicelib.domain.schedule.custom import TimetableAnswer, TimetableQuestion
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import AskTimetable, Invocation, RunCallbacks, RunTry, RunWindow
from chalicelib.engine.worker import call_back, timetables
from chalicelib.engine.worker.execute import execute
from chalicelib.engine.worker.windows import run_windows


def no_timetable(question: TimetableQuestion) -> TimetableAnswer:
    """The answer where there is no DAG file to ask."""
    return TimetableAnswer(error=f"there is no timetable of {question.dag_id} here")


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """Runs user code, each message in an invocation of its own."""

    run_try: RunTry
    run_callbacks: RunCallbacks
    run_window: RunWindow
    new_invocation: Callable[[], Invocation]
    ask_timetable: AskTimetable = no_timetable


def handle_windows(engine: Engine, messages: Sequence[RunTrigger], worker: Worker) -> None:
    """Run the triggers of these messages side by side, as a batch of the queue; raises as ``handle``."""
    if run_windows(engine, messages, worker.new_invocation, worker.run_window):
        raise StoreUnavailable("a window could not be begun or ended")


def handle(engine: Engine, message: Message, worker: Worker) -> None:
    """Handle a message of either queue; raises ``StoreUnavailable``, and what the ports raise."""
    match message:
        case RunTask():
            execute(engine, message, worker.new_invocation(), worker.run_try)
        case RunTrigger():
            handle_windows(engine, [message], worker)
        case RunCallback():
            call_back.call_back(engine, message, worker.run_callbacks)
        case message if isinstance(message, TimetableMessage):
            timetables.ask_timetable(engine, message, worker.ask_timetable)
        case _:
            dispatch.handle(engine, message)
