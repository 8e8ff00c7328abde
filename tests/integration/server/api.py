"""The experimental API of a running server, over HTTP."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.scripted.asking import Answer
from tests.waiting import PATIENCE_SECONDS, wait_for

PREFIX = "/api/experimental"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpApi:
    """Sends requests, each on a connection of its own."""

    port: int

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to ``/api/...``; JSON in the answer comes parsed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            text = response.read().decode()
        answered = {name.lower(): value for name, value in response.getheaders()}
        is_json = text and answered.get("content-type", "").startswith("application/json")
        return Answer(status=response.status, headers=answered, body=json.loads(text) if is_json else text)

    def get(self, path: str) -> Any:
        """The body that ``/api/experimental`` + path answers with 200."""
        return self._body(self.send("GET", PREFIX + path, {}, b""))

    def post(self, path: str, body: Any) -> Any:
        """The body that a POST of a body in JSON is answered with, and 200."""
        return self._body(self.send("POST", PREFIX + path, {}, json.dumps(body).encode()))

    def exists(self, path: str) -> bool:
        """Whether the API knows the path (and answers 200, not 404)."""
        answer = self.send("GET", PREFIX + path, {}, b"")
        assert answer.status in (200, 404), answer
        return answer.status == 200

    def trigger(self, dag_id: str, **fields: Any) -> "Run":
        """Trigger a run, of this microsecond: without a date Airflow allows one run per second."""
        date = datetime.now(UTC).isoformat()
        made = self.post(f"/dags/{dag_id}/dag_runs", {"execution_date": date, **fields})
        return Run(api=self, dag_id=dag_id, execution_date=made["execution_date"])

    def _body(self, answer: Answer) -> Any:
        assert answer.status == 200, answer
        return answer.body


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run as the API shows it."""

    api: HttpApi
    dag_id: str
    execution_date: str

    @property
    def state(self) -> str:
        """Its state."""
        return str(self.api.get(self._path)["state"])

    def task(self, task_id: str) -> dict[str, str]:
        """The attributes of a task instance."""
        found: dict[str, str] = self.api.get(f"{self._path}/tasks/{task_id}")
        return found

    def states(self, *task_ids: str) -> dict[str, str]:
        """The states of task instances."""
        return {task_id: self.task(task_id)["state"] for task_id in task_ids}

    def ends(self, seconds: float = PATIENCE_SECONDS) -> str:
        """The state that it ends in, within ``seconds``."""
        wait_for(lambda: self.state in ("success", "failed"), seconds)
        return self.state

    def waits_until(self, task_id: str, state: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once a task instance has a state."""
        wait_for(lambda: self.task(task_id)["state"] == state, seconds)

    @property
    def _path(self) -> str:
        return f"/dags/{self.dag_id}/dag_runs/{quote(self.execution_date)}"


@dataclass(slots=True)
class Pulse:
    """How the API answered meanwhile: how often it did, and why it did not."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def pulse(api: HttpApi) -> Iterator[Pulse]:
    """Ask ``/test`` again and again until the block ends."""
    felt = Pulse()
    over = threading.Event()

    def feel() -> None:
        while not over.wait(0.02):
            try:
                api.get("/test")
                felt.answers += 1
            except Exception as error:
                felt.failures.append(repr(error))

    feeler = threading.Thread(target=feel)
    feeler.start()
    try:
        yield felt
    finally:
        over.set()
        feeler.join()
