"""What the DAG files talk to: an HTTP API, moto's AWS, an SQLite file, and PostgreSQL.

``python -m tests.providers.served FOLDER [moto] [postgres]`` starts it, prints the environment of processes
that run the files as one line of JSON, and stays until its standard input ends. A POST to ``/_reset`` of the
API brings all of it back to its first state.
"""

import base64
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from email.message import Message
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.machine import Need
from tests.ports import free_port

POSTGRES = Need(what="PostgreSQL was", packages="postgresql", switch="UPDRAFT_TESTS_NEED_POSTGRES")
ACCOUNT = "123456789012"
REGION = "us-east-1"

_TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, country TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, day TEXT NOT NULL, customer_id INTEGER, amount NUMERIC, status TEXT
);
CREATE TABLE daily_metrics (ds TEXT, clicks INTEGER, views INTEGER);
CREATE TABLE landing (id INTEGER PRIMARY KEY, label TEXT, amount NUMERIC);
INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.org', 'GB'), (2, 'Grace', 'grace@example.org', 'US'), (3, 'Linus', NULL, 'FI');
INSERT INTO orders VALUES
    (1, '2026-01-01', 1, 10, 'paid'), (2, '2026-01-01', 2, 20, 'paid'), (3, '2026-01-02', 1, 30, 'paid'),
    (4, '2026-01-02', 3, 40, 'open'), (5, '2026-01-02', 2, 50, 'paid');
INSERT INTO daily_metrics VALUES ('2026-01-01', 100, 1000), ('2026-01-02', 110, 1500);
"""

_Answer = tuple[int, object] | tuple[int, object, str]


class Api:
    """The HTTP API: its answers, and what it remembers between calls."""

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._inboxes: defaultdict[str, list[object]] = defaultdict(list)

    def forget(self) -> None:
        """Remember nothing."""
        with self._lock:
            self._calls.clear()
            self._inboxes.clear()

    def answer(self, method: str, url: str, headers: Message, body: str) -> _Answer:
        """Status, body (JSON unless it is a text) and perhaps the type of an answer."""
        split = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        first, *rest = [part for part in split.path.split("/") if part] or [""]
        match first, rest:
            case "_reset", []:
                self._reset()
                return 200, {}
            case "echo", _:
                seen = {"method": method, "path": "/".join(rest), "query": query, "body": body}
                named = {"type": "Content-Type", "team": "X-Team", "run": "X-Run"}
                return 200, seen | {key: headers.get(name) for key, name in named.items()}
            case "private", []:
                right = "Basic " + base64.b64encode(b"shop:s3cret").decode()
                return (200, {"user": "shop"}) if headers.get("Authorization") == right else (401, {})
            case "inbox", [key]:
                if method == "POST":
                    self._inboxes[key].append(json.loads(body) if body[:1] in ("{", "[") else body)
                return 200, self._inboxes[key]
            case "slack", _:
                return self._slack(rest, body)
        return (
            self._plain(first, rest, query) or self._counted(first, rest) or (404, {"error": "no such path"})
        )

    def _plain(self, first: str, rest: list[str], query: Mapping[str, str]) -> _Answer | None:
        match first, rest:
            case "health", []:
                return 200, {"ok": True}
            case "status", [code]:
                return int(code), {"status": int(code)}
            case "orders", []:
                day = query.get("day", "")
                amounts = {"2026-01-01": {1: 10, 2: 20}, "2026-01-02": {3: 30, 4: 40}}.get(day, {})
                return 200, {"day": day, "orders": [{"id": i, "amount": a} for i, a in amounts.items()]}
            case "pages", []:
                pages, at = [["a", "b"], ["c", "d"], ["e"]], int(query.get("cursor", "0"))
                return 200, {"items": pages[at], "next": at + 1 if at + 1 < len(pages) else None}
            case "csv", [name]:
                return 200, f"id,label,amount\n1,{name}-one,1.5\n2,{name}-two,2.5\n", "text/csv"
        return None

    def _counted(self, first: str, rest: list[str]) -> _Answer | None:
        """Answers that change from a call on; the last part of the path is its number."""
        if first not in ("ready", "state", "flaky") or len(rest) != 2:
            return None
        with self._lock:
            self._calls[f"{first}/{rest[0]}"] += 1
            call = self._calls[f"{first}/{rest[0]}"]
        is_there = call >= int(rest[1])
        match first:
            case "ready":
                return (200, {"ready": True, "call": call}) if is_there else (404, {"ready": False})
            case "state":
                return 200, {"state": "done" if is_there else "working", "call": call}
        return (200 if is_there else 503), {"call": call}

    def _slack(self, rest: list[str], body: str) -> _Answer:
        form = json.loads(body) if body.startswith("{") else {k: v[-1] for k, v in parse_qs(body).items()}
        channel, text = form.get("channel"), form.get("text")
        if rest[0] == "services":
            self._inboxes["slack"].append(["webhook", channel, text])
            return 200, "ok", "text/plain"
        self._inboxes["slack"].append([rest[1], channel, text])
        if channel == "#nowhere":
            return 200, {"ok": False, "error": "channel_not_found"}
        return 200, {"ok": True, "channel": channel, "ts": "1.0", "message": {"text": text}}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: deferred calls read the body late

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, value, *kind = api.answer(self.command, self.path, self.headers, body)
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind[0] if kind else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _answer  # noqa: N815 - the library's names

    return Handler


class Sqlite:
    """The SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seed(self) -> None:
        """Make its contents anew."""
        database = sqlite3.connect(self.path)
        with database:
            found = database.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')")
            for kind, name in found.fetchall():
                database.execute(f'DROP {kind} IF EXISTS "{name}"')
            database.executescript(_TABLES)
        database.close()


class Postgres:
    """A cluster of its own, by Debian's programs; they refuse to run as root and run as its user then."""

    def __init__(self) -> None:
        self.port = free_port()
        self._programs = programs_of_postgres()
        # PostgreSQL does not run as root, and its user may not come into folders of tests.
        data = self._data = Path(tempfile.mkdtemp(prefix="updraft-postgres-"))
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": "/",
            **user,
        }
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(command, check=True, **quiet)
        options = ["-p", str(self.port), "-k", "", "-h", "127.0.0.1", "-F", "-c", "logging_collector=off"]
        self._server = subprocess.Popen([self._programs / "postgres", "-D", data, *options], **quiet)
        self._wait()
        self._sql("CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'shop'", user="postgres")
        self._sql("CREATE DATABASE shop OWNER shop", user="postgres")

    def seed(self) -> None:
        """Make its schema anew."""
        told = "SET client_min_messages = error;"
        self._sql(f"{told} DROP SCHEMA public CASCADE; CREATE SCHEMA public; {_TABLES}", database="shop")

    def close(self) -> None:
        """End it."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)
        shutil.rmtree(self._data)

    def _wait(self) -> None:
        command = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        until = time.monotonic() + 60
        while subprocess.run(command, check=False).returncode:
            if time.monotonic() > until:
                raise TimeoutError("PostgreSQL does not start")
            time.sleep(0.1)

    def _sql(self, text: str, *, user: str = "shop", database: str = "postgres") -> None:
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database]
        command: list[str | Path] = [self._programs / "psql", *place, "-qX", "-v", "ON_ERROR_STOP=1"]
        subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def programs_of_postgres() -> Path:
    """Debian's folder of PostgreSQL's programs; skips or fails the test where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        POSTGRES.is_not_met("postgres cannot be found")
    return found[-1].parent


class Moto:
    """AWS by moto's server."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()

    def seed(self) -> None:
        """Empty it, and make the first resources."""
        self._control("reset", {})
        simple = {"use_docker": False}
        self._control(
            "config", {"batch": simple, "lambda": simple, "stepfunctions": {"execute_state_machine": True}}
        )
        self._seed_s3()
        self._seed_messages()
        self._seed_compute()

    def _control(self, path: str, body: object) -> None:
        moto = HTTPConnection("127.0.0.1", self._port, timeout=30)
        moto.request("POST", f"/moto-api/{path}", json.dumps(body), {"Content-Type": "application/json"})
        assert moto.getresponse().status < HTTPStatus.BAD_REQUEST
        moto.close()

    def _client(self, service: str) -> Any:
        import boto3  # type: ignore[import-untyped]

        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **keys)

    def _seed_s3(self) -> None:
        s3 = self._client("s3")
        s3.create_bucket(Bucket="corpus-seed")
        files = {
            "in/2026-01-02/a.csv": "id,n\n1,5\n",
            "in/2026-01-02/b.csv": "id,n\n2,6\n",
            "readme.txt": "hello",
        }
        for key, text in files.items():
            s3.put_object(Bucket="corpus-seed", Key=key, Body=text.encode())

    def _seed_messages(self) -> None:
        sqs, sns = self._client("sqs"), self._client("sns")
        for name in ("corpus-queue", "corpus-inbox"):
            sqs.create_queue(QueueName=name)
        topic = sns.create_topic(Name="corpus-topic")["TopicArn"]
        inbox = f"arn:aws:sqs:{REGION}:{ACCOUNT}:corpus-inbox"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox)
        self._client("dynamodb").create_table(
            TableName="corpus-table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        )

    def _seed_compute(self) -> None:
        services = [f"{name}.amazonaws.com" for name in ("lambda", "states", "ecs-tasks")]
        allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        made = self._client("iam").create_role(RoleName="corpus-role", AssumeRolePolicyDocument=trust)
        role = made["Role"]["Arn"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("app.py", "def handler(event, context):\n    return event\n")
        self._client("lambda").create_function(
            FunctionName="corpus-function",
            Runtime="python3.11",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
        )
        states: dict[str, dict[str, object]] = {
            "corpus-flow": {"Type": "Pass", "Result": {"rows": 3}, "ResultPath": "$.result", "End": True},
            "corpus-broken": {"Type": "Fail", "Error": "NoRows", "Cause": "nothing came"},
            "corpus-slow": {"Type": "Wait", "Seconds": 2, "End": True},
        }
        for name, state in states.items():
            definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})
            flows = self._client("stepfunctions")
            flows.create_state_machine(name=name, roleArn=role, definition=definition)


class Served:
    """All of it, over a folder of its own."""

    def __init__(self, folder: Path, *, moto: bool, postgres: bool) -> None:
        self._folder = folder
        self._sqlite = Sqlite(folder / "shop.db")
        self._moto = Moto() if moto else None
        self._postgres = Postgres() if postgres else None
        self._api = Api(self.reset)
        self._http = ThreadingHTTPServer(("127.0.0.1", free_port()), _handler(self._api))
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Bring everything back to its first state."""
        self._api.forget()
        self._sqlite.seed()
        if self._moto is not None:
            self._moto.seed()
        if self._postgres is not None:
            self._postgres.seed()
        work = self._folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        (work / "note.txt").write_text("from disk\n")

    def environment(self) -> dict[str, str]:
        """What a process that runs the DAG files has in its environment."""
        http = f"http://127.0.0.1:{self._http.server_address[1]}"
        connections = {
            f"AIRFLOW_CONN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self._connections(http).items()
        }
        return connections | {
            "AIRFLOW_VAR_CORPUS_BUCKET": "corpus-seed",
            "CORPUS_DIR": str(self._folder),
            "HTTP_API": http,
        }

    def _connections(self, http: str) -> dict[str, object]:
        shop: dict[str, object] = {"conn_type": "http", "host": http, "login": "shop", "password": "s3cret"}
        found: dict[str, object] = {
            "http_default": http,
            "closed_api": "http://127.0.0.1:9",
            "shop_api": {**shop, "extra": {"X-Team": "data"}},
            "sqlite_default": {"conn_type": "sqlite", "host": str(self._sqlite.path)},
            "slack_api_default": {
                "conn_type": "slack",
                "password": "xoxb-not-a-token",
                "extra": {"base_url": f"{http}/slack/api/"},
            },
            "slack_default": {
                "conn_type": "slackwebhook",
                "host": f"{http}/slack/services",
                "password": "T000/B000/XXX",
            },
            "ssh_default": {"conn_type": "ssh", "host": "127.0.0.1", "port": 1, "login": "nobody"},
        }
        if self._moto is not None:
            extra = {"region_name": REGION, "endpoint_url": self._moto.url}
            found["aws_default"] = {
                "conn_type": "aws",
                "login": "testing",
                "password": "testing",
                "extra": extra,
            }
        if self._postgres is not None:
            place: dict[str, object] = {
                "conn_type": "postgres",
                "host": "127.0.0.1",
                "port": self._postgres.port,
            }
            shop_login = {"login": "shop", "password": "shop", "schema": "shop"}
            extra = {"application_name": "corpus"}
            found["postgres_default"] = f"postgresql://shop:shop@127.0.0.1:{self._postgres.port}/shop"
            found["warehouse"] = {**place, **shop_login, "extra": extra}
        return found

    def close(self) -> None:
        """End what was started."""
        self._http.shutdown()
        if self._postgres is not None:
            self._postgres.close()


def main(folder: Path, wanted: list[str]) -> None:
    """Serve until the standard input ends, or SIGTERM comes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    served = Served(folder, moto="moto" in wanted, postgres="postgres" in wanted)
    try:
        print(json.dumps(served.environment()), flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        served.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
