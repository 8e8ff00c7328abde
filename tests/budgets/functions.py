"""A stage's functions over moto, called as AWS calls them, each as if in a process of its own."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib import aws, bootstrap, handlers
from chalicelib.api.authorizer import Unauthorized, authorizer
from chalicelib.domain.messages import Message, Outgoing, TriggererMessage, WorkerMessage
from chalicelib.domain.runs.dags import DagVersion
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowRequest, WindowResult, XComToPush
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.worker import AskTimetable, RunningXComs, TryReport
from chalicelib.engine.schedule.clock import renew
from chalicelib.engine.slots.pools import ensure_default_pool
from chalicelib.events.declarations import parse_declarations
from chalicelib.local.clock import scheduled_event
from chalicelib.queues.dead_letters import SqsDeadLetters
from chalicelib.queues.messages import decode, encode
from chalicelib.queues.sqs import SqsSender, queue_url
from chalicelib.settings import Settings
from chalicelib.simulation.dispatch import no_timetable
from chalicelib.simulation.faults import Faults, Faulty, Killed
from chalicelib.simulation.queue import InFlight, Queue
from chalicelib.simulation.world import Clock
from chalicelib.store.dynamodb import DynamoStore
from tests.budgets.rights import Asked
from tests.moto_aws import no_sleep
from tests.scripted.asking import Answer
from tests.scripted.dags import ScriptedDag
from tests.scripted.in_process_api import InProcessApi
from tests.scripted.recorded_events import record
from tests.scripted.world import outcome_of_window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

OPERATOR = "operator"
"""Who deploys, clears and marks: a person with credentials of their own."""

UserCode = Callable[[TryRequest, RunningXComs], TryOutcome]

DECLARATIONS = parse_declarations(
    '[[event]]\ndag_id = "scripted"\nsource = "sqs"\nattributes = { kind = ["greeting"] }\n'
    'conf = { text = "body" }\n'
    '[[event]]\ndataset = "a"\nsource = "sqs"\nattributes = { kind = ["feeding"] }\n'
)


class FunctionContext:
    """What of Lambda's context object the handlers use."""

    aws_request_id = "request-1"

    def __init__(self, remaining: timedelta = timedelta(minutes=15)) -> None:
        self._remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may take yet."""
        return self._remaining // timedelta(milliseconds=1)


class Sender:
    """Sends to SQS, and to the queue that the functions are fed from here."""

    def __init__(self, settings: Settings, queue: Queue) -> None:
        self._targets = (SqsSender(settings), queue)

    def send(self, messages: Any) -> None:
        """See ``engine.ports.queue.Sender``."""
        batch = list(messages)
        for target in self._targets:
            target.send(batch)


class Interruptions(Faults):
    """Faults, and what others do at the most awkward moment."""

    def __init__(self) -> None:
        super().__init__()
        self._happenings: dict[str, Callable[[], None]] = {}

    def let_happen_before(self, method: str, happening: Callable[[], None]) -> None:
        """Let something happen just before the next call of a method of the store (its qualified name)."""
        self._happenings[method] = happening

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """See ``Faults``."""
        happening = self._happenings.pop(method.__qualname__, None)
        if happening is not None:
            happening()
        return super().call(method, *args, **kwargs)


def handled_by(message: Message) -> str:
    """The function that a message goes to."""
    if isinstance(message, TriggererMessage):
        return "triggerer"
    return "worker" if isinstance(message, WorkerMessage) else "scheduler"


class Functions:
    """The functions of one stage; whatever one of them asks of AWS is noted as asked by it.

    A ``faults.arm`` counts the store's and the queues' calls of whichever function runs next.
    """

    def __init__(self, settings: Settings, asked: Asked) -> None:
        self.settings = settings
        self.asked = asked
        self.clock = Clock(now=NOON)
        self.queue = Queue(lambda: self.clock.now)
        self.faults = Interruptions()
        self.user_code: UserCode = lambda request, _: self._dags[request.dag_id].script(request)
        self.trigger_code: Callable[[], None] = lambda: None
        """What the DAG files of triggers do when they are loaded."""
        self.timetable: AskTimetable = no_timetable
        """What answers for the user's own timetables."""
        self._dags: dict[str, ScriptedDag] = {}
        self._engines: dict[str, Engine] = {}
        self._uids = count(1)
        self._api = InProcessApi(settings)
        with self.operating() as engine:
            ensure_default_pool(engine)

    # -- the operator ------------------------------------------------------------------------------

    @contextmanager
    def operating(self) -> Iterator[Engine]:
        """The engine of a person at the command line."""
        with self._in_process_of(OPERATOR):
            yield self._engine(OPERATOR)

    def deploy(self, dag: ScriptedDag, *, code: str = "", schedule: Schedule | None = None) -> ScriptedDag:
        """Save a DAG, unpaused, from a file with that text."""
        dag.now = lambda: self.clock.now
        self._dags[dag.dag_id] = dag
        with self.operating() as engine:
            store = engine.store
            version = DagVersion(dag_id=dag.dag_id, version="v1", document=dag.document(), code=code)
            store.dags.save_version(version)
            dag.save(store)
            found = store.dags.get(dag.dag_id)
            assert found is not None
            if schedule is not None:
                renew(engine, store.dags.save(replace(found, schedule=schedule)))
        return dag

    # -- the functions -----------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A request to a path below ``/experimental``; an ``_`` in a header's name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b"" if body is None else json.dumps(body).encode()
        with self._in_process_of("api_handler"):
            return self._api.send(method, f"/experimental{path}", named, raw)

    def authorize(self, header: str, *, auth_backend: str, keytab: str | None = None) -> bool:
        """Whether the authorizer of a stage with these settings lets a request with that header in."""
        event = {
            "type": "TOKEN",
            "authorizationToken": header,
            "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abc/api/GET/experimental/pools",
        }
        settings = replace(
            self.settings,
            auth_backend=auth_backend,
            keytab=self.settings.keytab if keytab is None else keytab,
        )
        with self._in_process_of("authorizer", settings):
            try:
                policy = authorizer(event, FunctionContext())
            except Unauthorized:
                return False
        return bool(policy["policyDocument"]["Statement"][0]["Resource"])

    def call_as(self, caller: str, *, auth_backend: str) -> None:
        """A request of a caller whose password the authorizer has just checked."""
        word = {"principalId": caller, "addresses": "-", "was_checked": "true"}
        path = "/experimental/test"
        event = {
            "requestContext": {
                "httpMethod": "GET",
                "resourcePath": path,
                "path": f"/api{path}",
                "identity": {"sourceIp": "192.0.2.7"},
                "authorizer": word,
            },
            "headers": {},
            "pathParameters": None,
            "multiValueQueryStringParameters": None,
            "stageVariables": None,
            "body": None,
        }
        settings_of_stage = replace(self.settings, auth_backend=auth_backend)
        with self._in_process_of("api_handler", settings_of_stage):
            answer = InProcessApi(settings_of_stage).app(event, FunctionContext())
        assert answer["statusCode"] == 200

    def tick(self) -> None:
        """A minute passes, and the clock tells."""
        self.clock.now += MINUTE
        with self._in_process_of("tick"):
            handlers.tick(scheduled_event(self.clock.now), FunctionContext())

    def event(self, body: str, attributes: dict[str, Any], message_id: str) -> None:
        """A message in the queue of events; it triggers a run or becomes a dead letter."""
        records = [record(body, message_id, attributes)]
        with self._in_process_of("events"):
            assert handlers.events({"Records": records}, FunctionContext()) == {"batchItemFailures": []}

    def in_haste(self, function: str, *records: dict[str, Any]) -> list[dict[str, Any]]:
        """Have a batch handled in which there is time for the first message only; those sent again."""
        handler, queue = getattr(handlers, function), {"scheduler": "scheduling"}.get(function, function)
        with self.operating():
            url = queue_url(self.settings.resource(queue))
            aws.client("sqs").purge_queue(QueueUrl=url)
        with self._in_process_of(function):
            assert handler({"Records": [*records]}, FunctionContext(SECOND)) == {"batchItemFailures": []}
        with self.operating():
            answer = aws.client("sqs").receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def handle(self, message: Message) -> None:
        """Have a message handled that is in no queue, or is there, too, and so comes twice."""
        self._handle(encode(message))

    def drain_dying(self) -> None:
        """Have everything handled that is visible, in order, each message by functions that die.

        The first worker dies when its user code says so: one that dies before the end of its try keeps
        the others from doing anything, by its lease.
        """
        handled: set[str] = set()  # those that die send some again and again
        while visible := self.queue.visible():
            self.queue.waiting.remove(visible[0])
            if visible[0].message in handled:
                continue
            handled.add(visible[0].message)
            message = decode(visible[0].message)
            if isinstance(message, WorkerMessage | TriggererMessage):
                with suppress(Killed):
                    self.handle(message)
            self.handle_dying(message)

    def handle_dying(self, message: Message) -> None:
        """Have a message handled by functions that die after one call, two..., until one gets through."""
        for calls in count():
            self.faults.arm(calls, Killed, takes_effect=True)
            self.clock.now += SECOND
            with suppress(Killed):
                self.handle(message)
            if self.faults.calls_left is not None:
                self.faults.disarm()
                return

    # -- the queues --------------------------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Put a message into its queue."""
        self.queue.send([Outgoing(message=message)])

    def take(self, kind: type[Message], task_id: str | None = None) -> Message:
        """Take the first message of a kind (and task) out of its queue, however long it was delayed."""
        for entry in self.queue.waiting:
            message = decode(entry.message)
            if isinstance(message, kind) and task_id in (None, getattr(message, "task_id", None)):
                self.queue.waiting.remove(entry)
                return message
        raise AssertionError(f"no {kind.__name__} for {task_id} in {self.queue.waiting}")

    def deliver(self, entry: InFlight) -> None:
        """Have the message of a queue handled; one that fails, or whose function dies, comes again."""
        try:
            is_done = self._handle(entry.message)
        except Killed:
            is_done = False
        if is_done:
            self.queue.waiting.remove(entry)
        else:
            entry.visible_at = self.clock.now + MINUTE

    def drain(self) -> None:
        """Have everything handled that is visible, in order."""
        for _ in range(10_000):
            visible = self.queue.visible()
            if not visible:
                return
            self.deliver(visible[0])
        raise AssertionError("the queue never runs empty")

    def pass_minutes(self, minutes: int) -> None:
        """Messages and minutes, whatever is left to do afterwards."""
        for _ in range(minutes):
            self.drain()
            self.tick()

    def settle(self, minutes: int = 60) -> None:
        """Messages, then minutes, until nothing is left to do."""
        for _ in range(minutes):
            self.drain()
            if not self.queue.waiting and not self._unfinished():
                return
            self.tick()
        raise AssertionError(f"unfinished: {self._unfinished()}, {self.queue.waiting}")

    # -- processes ---------------------------------------------------------------------------------

    def _handle(self, message: str) -> bool:
        function = handled_by(decode(message))
        handler = getattr(handlers, function)
        was_armed = self.faults.calls_left is not None
        with self._in_process_of(function):
            reply = handler({"Records": [record(message)]}, FunctionContext())
        is_done: bool = reply == {"batchItemFailures": []}
        assert is_done or was_armed, f"{message} was not handled"
        return is_done

    @contextmanager
    def _in_process_of(self, function: str, settings: Settings | None = None) -> Iterator[None]:
        queue_url.cache_clear()  # which other processes have asked for
        in_use = bootstrap.use(
            engine=self._engine(function),
            settings=settings or self.settings,
            run_try=self._run_try,
            run_window=self._run_window,
            run_callbacks=lambda _request, _xcoms: b"log",
            ask_timetable=lambda question: self.timetable(question),
            declarations=DECLARATIONS,
            dead_letters=SqsDeadLetters(self.settings.resource("events-dead-letters")),
        )
        with in_use, self.asked.by(function):
            yield

    def _engine(self, function: str) -> Engine:
        if function not in self._engines:
            store, sender = DynamoStore(self.settings, sleep=no_sleep), Sender(self.settings, self.queue)
            self._engines[function] = Engine(
                store=Faulty(store, self.faults),
                sender=Faulty(sender, self.faults),
                now=lambda: self.clock.now,
                new_uid=lambda: f"uid{next(self._uids):05d}",
                allowed_run_id_pattern=".*",
                entropy=random.Random(function),
            )
        return self._engines[function]

    def _run_try(self, request: TryRequest, xcoms: RunningXComs) -> TryReport:
        return TryReport(outcome=self.user_code(request, xcoms), log=b"log")

    def _run_window(self, request: WindowRequest) -> tuple[WindowOutcome, ...]:
        self.trigger_code()
        outcomes = (outcome_of_window(trigger, self.clock.now) for trigger in request.triggers)
        large = (XComToPush(key="large", value=json.dumps("x" * 100_000)),)
        return tuple(
            replace(outcome, xcoms=large) if outcome.result is WindowResult.SUCCESS else outcome
            for outcome in outcomes
        )

    def _unfinished(self) -> list[Any]:
        with self.operating() as engine:
            return [entry for dag_id in self._dags for entry in engine.store.dag_runs.unfinished(dag_id)]
