"""The experimental API of a running server, over HTTP."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tests.contract.runner import Answer

PREFIX = "/api/experimental"


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpApi:
    """Sends requests, each on a connection of its own."""

    port: int

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to ``/api/...``; JSON in the answer comes parsed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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

    def ends(self, seconds: float = 15.0) -> str:
        """The state that it ends in, within ``seconds``."""
        wait_for(lambda: self.state in ("success", "failed"), seconds)
        return self.state

    def waits_until(self, task_id: str, state: str, seconds: float = 10.0) -> None:
        """Return once a task instance has a state."""
        wait_for(lambda: self.task(task_id)["state"] == state, seconds)

    @property
    def _path(self) -> str:
        return f"/dags/{self.dag_id}/dag_runs/{quote(self.execution_date)}"


@dataclass(slots=True)
class Pulse:
    """How the API answered meanwhile: seconds per request."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def pulse(api: HttpApi) -> Iterator[Pulse]:
    """Ask ``/test`` again and again until the block ends."""
    felt = Pulse()
    over = threading.Event()

    def feel() -> None:
        while not over.wait(0.02):
            started = time.monotonic()
            try:
                api.get("/test")
            except Exception as error:
                felt.failures.append(repr(error))
            felt.seconds.append(time.monotonic() - started)

    feeler = threading.Thread(target=feel)
    feeler.start()
    try:
        yield felt
    finally:
        over.set()
        feeler.join()
