"""The engine over (moto's) DynamoDB and SQS, driven message by message in one thread."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from chalicelib import bootstrap
from chalicelib.domain.messages import (
    Message,
    Outgoing,
    RunCallback,
    RunTask,
    RunTrigger,
    StartRun,
    TimetableMessage,
)
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.engine import dispatch
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import AskTimetable, Invocation, RunningXComs, TryReport
from chalicelib.engine.slots.pools import ensure_default_pool
from chalicelib.engine.worker import call_back
from chalicelib.engine.worker.execute import execute
from chalicelib.engine.worker.timetables import ask_timetable
from chalicelib.engine.worker.windows import run_windows
from chalicelib.queues.sqs import SqsSender
from chalicelib.settings import Settings
from chalicelib.simulation.dispatch import no_timetable
from chalicelib.store.dynamodb import DynamoStore
from tests.meter import Meter
from tests.scripted.asking import Answer
from tests.scripted.dags import ScriptedDag
from tests.scripted.in_process_api import InProcessApi
from tests.scripted.world import outcome_of_window

UserCode = Callable[[TryRequest, RunningXComs], TryOutcome]


class CopyingSender:
    """Sends to SQS and keeps a copy, so that a test can deliver in the order it likes."""

    def __init__(self, sender: SqsSender) -> None:
        self._sender = sender
        self.sent: list[Message] = []

    def send(self, messages: Iterable[Outgoing]) -> None:
        """See ``engine.ports.queue.Sender``."""
        batch = list(messages)
        self._sender.send(batch)
        self.sent += [outgoing.message for outgoing in batch]


class MeteredDeployment:
    """One deployment; each call answers with the meter of what it asked of AWS."""

    def __init__(self, settings: Settings, now: datetime, lease: timedelta) -> None:
        self.sender = CopyingSender(SqsSender(settings))
        self._uids = count(1)
        self._lease = lease
        self._settings = settings
        self.engine = Engine(
            store=DynamoStore(settings),
            sender=self.sender,
            now=lambda: now,
            new_uid=lambda: f"uid{next(self._uids):05d}",
            allowed_run_id_pattern=".*",
        )
        self.api = InProcessApi(settings)
        self.timetable: AskTimetable = no_timetable
        self.user_code: UserCode = lambda _request, _xcoms: TryOutcome(result=TryResult.SUCCESS)
        ensure_default_pool(self.engine)
        self.sender.sent.clear()

    def deploy(self, dag: ScriptedDag) -> None:
        """Save a DAG, unpaused."""
        dag.save(self.engine.store)
        self.user_code = lambda request, _xcoms: dag.script(request)

    def get(self, path: str) -> tuple[Answer, Meter]:
        """A request as a warm Lambda answers it."""
        return self._call(lambda: self.api.get(path))

    def post(self, path: str, body: Any) -> tuple[Answer, Meter]:
        """A request as a warm Lambda answers it."""
        return self._call(lambda: self.api.post(path, body))

    def delete(self, path: str) -> tuple[Answer, Meter]:
        """A request as a warm Lambda answers it."""
        return self._call(lambda: self.api.delete(path))

    def _call(self, send: Callable[[], Answer]) -> tuple[Answer, Meter]:
        with bootstrap.use(engine=self.engine, settings=self._settings), Meter() as meter:
            answer = send()
        return answer, meter

    def trigger(self, dag: ScriptedDag) -> Meter:
        """Trigger a run; its message waits in ``sender.sent``."""
        body = {"replace_microseconds": "false", "conf": json.dumps({})}
        answer, meter = self.post(f"/dags/{dag.dag_id}/dag_runs", body)
        assert answer.status == 200, answer.body
        return meter

    def take(self, kind: type[Message], task_id: str | None = None) -> Message:
        """Take the first message of a kind (and task) out of what was sent."""
        for message in self.sender.sent:
            if isinstance(message, kind) and task_id in (None, getattr(message, "task_id", None)):
                self.sender.sent.remove(message)
                return message
        raise AssertionError(f"no {kind.__name__} for {task_id} in {self.sender.sent}")

    def handle(self, message: Message) -> Meter:
        """Handle a message as a warm Lambda does."""
        with Meter() as meter:
            if isinstance(message, RunTask):
                execute(self.engine, message, self._invocation(), self._run_try)
            elif isinstance(message, RunCallback):
                call_back.call_back(self.engine, message, lambda _request, _xcoms: b"log")
            elif isinstance(message, RunTrigger):
                assert not run_windows(self.engine, [message], self._invocation, self._run_window)
            elif isinstance(message, TimetableMessage):
                ask_timetable(self.engine, message, self.timetable)
            else:
                dispatch.handle(self.engine, message)
        return meter

    def drain(self) -> None:
        """Handle everything that was sent, in order."""
        while self.sender.sent:
            self.handle(self.sender.sent.pop(0))

    def _invocation(self) -> Invocation:
        return Invocation(
            token=f"invocation-{next(self._uids)}",
            ends_at=self.engine.now() + self._lease,
            hostname="lambda",
            unixname="sbx",
            pid=1,
        )

    def _run_window(self, request: WindowRequest) -> tuple[WindowOutcome, ...]:
        return tuple(outcome_of_window(trigger, self.engine.now()) for trigger in request.triggers)

    def _run_try(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        return TryReport(outcome=self.user_code(request, xcoms), log=b"log")


def started(deployment: MeteredDeployment, dag: ScriptedDag) -> MeteredDeployment:
    """A run whose first tasks were sent."""
    deployment.deploy(dag)
    deployment.trigger(dag)
    deployment.handle(deployment.take(StartRun))
    return deployment
