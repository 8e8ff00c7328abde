"""A cluster's API and a Docker host's API, as far as one pod or container needs them."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.waiting import PATIENCE_SECONDS

STARTED_AT, ENDED_AT = 3, 6
"""The looks at a pod at which it runs, and at which it is over."""

_MOMENT = "2026-01-02T00:00:00Z"


@dataclass(kw_only=True, slots=True)
class Cluster:
    """What a cluster was asked, and its pods."""

    url: str = ""
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    """All pods that were made, by now deleted or not."""
    looks: dict[str, int] = field(default_factory=dict)
    """How often each pod was looked at."""
    tokens: set[str | None] = field(default_factory=set)
    """The tokens that were shown."""

    def look_at(self, name: str) -> dict[str, Any]:
        """A pod, some way further than at the last look."""
        self.looks[name] = self.looks.get(name, 0) + 1
        phase, state = _phase(self.looks[name])
        pod = self.pods[name]
        container = {"name": pod["spec"]["containers"][0]["name"], "image": "", "imageID": "", "ready": True}
        pod["status"] = {
            "phase": phase,
            "startTime": _MOMENT,
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            "containerStatuses": [{**container, "restartCount": 0, "state": state}],
        }
        return pod


def _phase(look: int) -> tuple[str, dict[str, Any]]:
    if look < STARTED_AT:
        return "Pending", {"waiting": {"reason": "ContainerCreating"}}
    if look < ENDED_AT:
        return "Running", {"running": {"startedAt": _MOMENT}}
    return "Succeeded", {"terminated": {"exitCode": 0, "startedAt": _MOMENT, "finishedAt": _MOMENT}}


class JsonHandler(BaseHTTPRequestHandler):
    """Answers in JSON, or what it is given."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def send(self, status: int, value: Any = None) -> None:
        """Answer with bytes, or with JSON."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        if status == 204:
            body = b""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, bytes) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _ClusterHandler(JsonHandler):
    cluster: ClassVar[Cluster]

    def do_GET(self) -> None:
        self.cluster.tokens.add(self.headers.get("Authorization"))
        name, part = self._pod()
        if name is None:
            kind = "PodList" if urlsplit(self.path).path.endswith("/pods") else "EventList"
            self.send(200, {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": []})
        elif name not in self.cluster.pods:
            self.send(404, {"kind": "Status", "code": 404, "reason": "NotFound"})
        elif part == "log":
            self.send(200, b"2026-01-02T00:00:01.000000000Z hello from the pod\n")
        else:
            self.send(200, self.cluster.look_at(name))

    def do_POST(self) -> None:
        pod = self._body()
        self.cluster.pods[pod["metadata"]["name"]] = pod
        self.cluster.made.append(pod)
        self.send(201, {**pod, "status": {"phase": "Pending"}})

    def do_PATCH(self) -> None:
        self._body()
        self.send(200, self.cluster.pods[self._pod()[0] or ""])

    def do_DELETE(self) -> None:
        self._body()
        self.send(200, self.cluster.pods.pop(self._pod()[0] or ""))

    def _pod(self) -> tuple[str | None, str | None]:
        found = re.fullmatch(r"/api/v1/namespaces/jobs/pods/([^/]+)(?:/(\w+))?", urlsplit(self.path).path)
        return (found[1], found[2]) if found else (None, None)


@dataclass(kw_only=True, slots=True)
class DockerHost:
    """What a Docker host was asked."""

    url: str = ""
    pulled: list[str] = field(default_factory=list)
    containers: list[dict[str, Any]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    """The numbers of the containers that were removed."""
    started: dict[str, threading.Event] = field(default_factory=dict)
    """Set when the container of that number is started."""


class _DockerHandler(JsonHandler):
    host: ClassVar[DockerHost]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/version"):
            self.send(200, {"ApiVersion": "1.44", "Version": "25"})
        elif path.endswith("/_ping"):
            self.send(200, b"OK")
        elif path.endswith("/images/json"):
            self.send(200, [{"Id": "image"}])
        else:
            self.send(200, {"Id": "0", "Config": {"Tty": False}})

    def do_POST(self) -> None:
        path = re.sub(r"^/v[\d.]+", "", urlsplit(self.path).path)
        body = self._body()
        if path == "/images/create":
            self.host.pulled.append(parse_qs(urlsplit(self.path).query)["fromImage"][0])
            self.send(200, b'{"status": "Downloaded", "id": "x"}\r\n')
        elif path == "/containers/create":
            self.host.containers.append(body)
            self.send(201, {"Id": str(len(self.host.containers) - 1), "Warnings": []})
        elif path.endswith("/attach"):
            self._attach(self.host.started.setdefault(path.split("/")[2], threading.Event()))
        elif path.endswith("/start"):
            self.host.started[path.split("/")[2]].set()
            self.send(204)
        elif path.endswith("/wait"):
            self.send(200, {"StatusCode": 3 if "broken" in self.host.containers[-1]["Image"] else 0})
        else:
            self.send(204)

    def do_DELETE(self) -> None:
        self.host.removed.append(int(urlsplit(self.path).path.rpartition("/")[2]))
        self.send(204)

    def _attach(self, started: threading.Event) -> None:
        """The output, each piece behind the number of its stream and its length, once there is some."""
        line = b"loaded 3 rows\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        started.wait(PATIENCE_SECONDS)
        self.wfile.write(bytes([1, 0, 0, 0]) + len(line).to_bytes(4, "big") + line)
        self.close_connection = True


@contextmanager
def served_by(handler: type[JsonHandler]) -> Iterator[str]:
    """Serve until left; gives host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Serve a cluster until left."""
    served = Cluster()
    with served_by(type("Handler", (_ClusterHandler,), {"cluster": served})) as address:
        served.url = f"http://{address}"
        yield served


@contextmanager
def docker_host() -> Iterator[DockerHost]:
    """Serve a Docker host until left."""
    served = DockerHost()
    with served_by(type("Handler", (_DockerHandler,), {"host": served})) as address:
        served.url = f"tcp://{address}"
        yield served
