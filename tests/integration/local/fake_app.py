"""A tiny app with the shape of the real one, and what its handlers do on request."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from chalice.app import AuthResponse, Chalice, Request, Response

from chalicelib import aws

app = Chalice(app_name="fake")


def _asked() -> Request:
    """The request that is being answered, in this thread."""
    assert app.current_request is not None
    return app.current_request


@app.authorizer()
def doorkeeper(request: Any) -> AuthResponse:
    if request.token == "raise":
        raise Exception("Unauthorized")
    if request.token == "break":
        raise RuntimeError("secret detail")
    return AuthResponse(routes=["*"] if request.token == "let me in" else [], principal_id="somebody")


@app.route("/echo/{name}", methods=["GET", "POST"], content_types=["*/*"])
def echo(name: str) -> Any:
    request = _asked()
    body = request.raw_body
    query = request.query_params
    return {
        "name": name,
        "method": request.method,
        "body": body.decode(errors="replace") if isinstance(body, bytes) and body else None,
        "query": {} if query is None else {key: query.getlist(key) for key in query},
        "header": request.headers.get("x-probe"),
    }


@app.route("/echo/fixed")
def fixed() -> Any:
    return {"fixed": True}


@app.route("/guarded", authorizer=doorkeeper)
def guarded() -> Any:
    return _asked().context["authorizer"]


@app.route("/boom")
def boom() -> Any:
    raise RuntimeError("secret detail")


@app.route("/empty")
def empty() -> Any:
    return Response(body="", status_code=204)


@app.route("/slow")
def slow() -> Any:
    mine = _id_asked_for()
    time.sleep(0.05)
    return {"same": _id_asked_for() == mine}


def _id_asked_for() -> str:
    query = _asked().query_params
    assert query is not None
    wanted: str = query["id"]
    return wanted


@app.route("/send", methods=["POST"], content_types=["*/*"])
def send() -> Any:
    _send("tasks", json.loads(_asked().raw_body))
    return {"sent": True}


def worker(event: dict[str, Any], context: Any) -> Any:
    (record,) = event["Records"]
    return _do(json.loads(record["body"]), record, context)


def scheduler(event: dict[str, Any], context: Any) -> Any:
    failed = []
    for record in event["Records"]:
        task = json.loads(record["body"])
        if task.get("fail"):
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            _do(task, record, context)
    return {"batchItemFailures": failed}


def tick(_event: dict[str, Any], _context: Any) -> None:
    _note("ticks", "tick")


def sync(event: dict[str, Any], _context: Any) -> Any:
    """Stands in for the loading of DAG files: executes them, keeps nothing."""
    folder = Path(event["dags_folder"])
    errors: dict[str, str] = {}
    loaded = []
    for file in sorted(path.name for path in folder.glob("*.py")):
        try:
            exec(compile((folder / file).read_text(), file, "exec"), {})  # noqa: S102
        except Exception as error:
            errors[file] = f"Traceback (most recent call last):\n  ...\n{type(error).__name__}: {error}"
        else:
            loaded.append(Path(file).stem)
    return {"dag_ids": loaded, "errors": errors}


def invoked(event: Any, context: Any) -> Any:
    """Called directly by the tests of the pool."""
    return _do(event, {}, context)


def _do(task: dict[str, Any], record: dict[str, Any], context: Any) -> Any:
    return _DEEDS[task.get("do", "note")](task, record, context)


def _answer(_task: Any, _record: Any, context: Any) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "request_id": context.aws_request_id,
        "function": context.function_name,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
    }


def _take_note(task: Any, record: Any, _context: Any) -> None:
    _note(task["to"], task.get("text", record.get("body", "")))


def _sleep(task: Any, _record: Any, _context: Any) -> None:
    _note(task.get("to", "sleeping"), str(os.getpid()))
    time.sleep(task["seconds"])


def _wait(task: Any, _record: Any, _context: Any) -> None:
    _note(task["to"], str(os.getpid()))
    _until(task["until"])


def _until(name: str) -> None:
    while not _place(name).exists():
        time.sleep(0.02)


def _go_on(task: Any, _record: Any, _context: Any) -> None:
    if task["left"]:
        _send(task.get("queue", "tasks"), {**task, "left": task["left"] - 1})
    else:
        _note(task["to"], str(time.time()))


def _raise(_task: Any, _record: Any, _context: Any) -> None:
    raise ValueError("no such thing")


def _exit(_task: Any, _record: Any, _context: Any) -> None:
    os._exit(3)


def _leave(_task: Any, _record: Any, _context: Any) -> None:
    raise SystemExit(4)


def _kill(_task: Any, _record: Any, _context: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _segfault(_task: Any, _record: Any, _context: Any) -> None:
    ctypes.string_at(0)


def _hold_the_gil(task: Any, _record: Any, _context: Any) -> None:
    """Native code that lets no other thread of its process run, for a time or until a file is unlocked."""
    _note(task.get("to", "holding"), str(os.getpid()))
    if "until" in task:
        with _place(task["until"]).open() as file:
            ctypes.PyDLL(None).flock(file.fileno(), fcntl.LOCK_EX)
        _note("let go", "")
    else:
        ctypes.PyDLL(None).sleep(task["seconds"])


def _start_subprocess(task: Any, _record: Any, _context: Any) -> None:
    sleeper = subprocess.Popen(["sleep", "600"], start_new_session=task.get("session", False))
    _note(task["to"], str(sleeper.pid))
    if task.get("then") == "exit":
        os._exit(3)
    sleeper.wait()


def _leave_in_background(task: Any, _record: Any, _context: Any) -> str:
    """A process whose own parent is gone while the task that wants it still runs."""
    pid = subprocess.check_output(["sh", "-c", "sleep 600 >/dev/null & echo $!"], text=True).strip()
    _note(task["to"], pid)
    _until(task["until"])
    return "still there" if Path(f"/proc/{pid}/cmdline").read_bytes() else "gone"


_DEEDS = {
    "background": _leave_in_background,
    "answer": _answer,
    "note": _take_note,
    "sleep": _sleep,
    "wait": _wait,
    "chain": _go_on,
    "raise": _raise,
    "exit": _exit,
    "leave": _leave,
    "kill": _kill,
    "segfault": _segfault,
    "hold": _hold_the_gil,
    "subprocess": _start_subprocess,
}


def _note(name: str, text: str) -> None:
    with _place(name).open("a") as file:
        file.write(text + "\n")


def _place(name: str) -> Path:
    return Path(os.environ["FAKE_NOTES"]) / name


def _send(queue: str, task: dict[str, Any]) -> None:
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=_url(queue), MessageBody=json.dumps(task))


_urls: dict[str, str] = {}


def _url(queue: str) -> str:
    if queue not in _urls:
        _urls[queue] = aws.client("sqs").get_queue_url(QueueName=f"updraft-local-{queue}")["QueueUrl"]
    return _urls[queue]
