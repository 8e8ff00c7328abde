"""The work of the deployed handlers on a message, without their event sources."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.messages import Message, RunCallback, RunTask
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import Invocation, RunCallbacks, RunTry
from chalicelib.engine.worker import call_back
from chalicelib.engine.worker.execute import execute


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """Runs user code, each message in an invocation of its own."""

    run_try: RunTry
    run_callbacks: RunCallbacks
    new_invocation: Callable[[], Invocation]


def handle(engine: Engine, message: Message, worker: Worker) -> None:
    """Handle a message of either queue; raises ``StoreUnavailable``, and what the ports raise."""
    match message:
        case RunTask():
            execute(engine, message, worker.new_invocation(), worker.run_try)
        case RunCallback():
            call_back.call_back(engine, message, worker.run_callbacks)
        case _:
            dispatch.handle(engine, message)
