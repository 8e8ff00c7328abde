"""The JSON APIs of Google's storage and BigQuery, as far as one file and one job need them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.providers.kinds.clusters import JsonHandler, served_by

READY_AT = 3
"""The look at which an object is there, and a job is done."""


@dataclass(kw_only=True, slots=True)
class Google:
    """What was asked, and what is kept."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)
    """How often each object and job was looked at."""

    def is_ready(self, name: str) -> bool:
        """Whether this is the look at which it is."""
        self.looks[name] = self.looks.get(name, 0) + 1
        return self.looks[name] >= READY_AT


class _Handler(JsonHandler):
    google: ClassVar[Google]

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        path = urlsplit(self.path).path
        if re.fullmatch(r"/storage/v1/b/\w+/o", path):
            self.send(200, {"kind": "storage#objects", "items": list(self.google.objects.values())})
        elif found := re.fullmatch(r"/storage/v1/b/\w+/o/(.+)", path):
            self._object(unquote(found[1]))
        elif found := re.fullmatch(r"/bigquery/v2/projects/\w+/(jobs|queries)/(.+)", path):
            self._job(found[2], is_of_rows=found[1] == "queries")
        else:
            self.send(404, {"error": {"code": 404, "message": path}})

    def do_POST(self) -> None:  # noqa: N802 - as above
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path.endswith("/jobs"):
            job = {**json.loads(body), "id": "job", "status": {"state": "RUNNING"}}
            self.google.jobs[job["jobReference"]["jobId"]] = job
            self.send(200, job)
            return
        described = re.search(rb"\{.*?\}", body, re.DOTALL)  # the first part of two
        name = json.loads(described[0] if described else b"{}")["name"]
        kept = {"kind": "storage#object", "name": name, "bucket": "lake", "size": "1", "generation": "1"}
        self.google.objects[name] = kept
        self.send(200, kept)

    def _object(self, name: str) -> None:
        if self.google.is_ready(name):
            self.send(200, self.google.objects[name])
        else:
            self.send(404, {"error": {"code": 404, "message": "not yet"}})

    def _job(self, job_id: str, *, is_of_rows: bool) -> None:
        job, is_done = self.google.jobs[job_id], self.google.is_ready(job_id)
        job["status"] = {"state": "DONE" if is_done else "RUNNING"}
        if is_of_rows:
            rows = {"jobComplete": is_done, "totalRows": "1", "rows": [], "schema": {"fields": []}}
            self.send(200, {"jobReference": job["jobReference"], **rows})
        else:
            self.send(200, job)


@contextmanager
def google() -> Iterator[Google]:
    """Serve until left."""
    served = Google()
    with served_by(type("Handler", (_Handler,), {"google": served})) as address:
        served.url = f"http://{address}"
        yield served
