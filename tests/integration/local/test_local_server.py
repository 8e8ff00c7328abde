"""The whole local server around the fake app: start, crashes, kills, restarts, stops."""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from chalicelib.local.emulator import aws_environment
from chalicelib.local.state_folder import published_endpoint
from tests.waiting import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).parents[3]


class Server:
    """A local server as a process, with what it wrote and what its tasks noted."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.state = folder / "state"
        self.notes = folder / "notes"
        self.dags = folder / "dags"
        for path in (self.notes, self.dags):
            path.mkdir(exist_ok=True)
        self._output = folder / "output"
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != "MAKELEVEL"},
            "PORT": "0",
            "UPDRAFT__LOCAL__STOP_SECONDS": "0",
            "FAKE_NOTES": str(self.notes),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "UPDRAFT__LOCAL__STATE_DIR": str(self.state),
            **environ,
        }
        self.base = ("", 0)
        self.process: subprocess.Popen[bytes]

    def start(self, wait: bool = True) -> "Server":
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.local.fake_server"],
                cwd=ROOT,
                env=self._environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            wait_for(lambda: "is ready" in self.output or self.process.poll() is not None)
            assert "is ready" in self.output, self.output
            host, port = self.output.partition("http://")[2].split(". ")[0].split(":")
            self.base = (host, int(port))
        return self

    @property
    def output(self) -> str:
        return self._output.read_text()

    def post(self, task: dict[str, Any]) -> None:
        with contextlib.closing(
            http.client.HTTPConnection(*self.base, timeout=PATIENCE_SECONDS)
        ) as connection:
            connection.request("POST", "/api/send", json.dumps(task))
            assert connection.getresponse().status == 200

    def is_answering(self) -> bool:
        with contextlib.closing(
            http.client.HTTPConnection(*self.base, timeout=PATIENCE_SECONDS)
        ) as connection:
            connection.request("GET", "/api/echo/x")
            return connection.getresponse().status == 200

    def note(self, name: str) -> list[str]:
        path = self.notes / name
        return path.read_text().splitlines() if path.exists() else []

    def pids(self) -> set[int]:
        """The server and everything that it started, also what has left its process group."""
        mine = f"UPDRAFT__LOCAL__STATE_DIR={self.state}".encode()
        found = set()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (path / "environ").read_bytes().split(b"\0"):
                    found.add(int(path.name))
        return found

    def kill_everything(self) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE_SECONDS)

    def stop(self, number: int = signal.SIGTERM, within: float = PATIENCE_SECONDS) -> int:
        self.process.send_signal(number)
        return self.process.wait(within)

    def client(self, service: str) -> Any:
        endpoint = published_endpoint(self.state)
        assert endpoint
        environ = aws_environment(endpoint)
        return get_session().create_client(
            service,
            endpoint_url=endpoint.url,
            region_name=environ["AWS_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(**environ: str) -> Server:
        servers.append(Server(tmp_path, **environ))
        return servers[-1]

    yield make
    for server in servers:
        server.kill_everything()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("running"), UPDRAFT__LOCAL__MAX_WORKERS="2")
    server.start()
    yield server
    server.stop()
    server.kill_everything()


def test_the_ready_line_is_one_line_with_the_next_command(running: Server) -> None:
    (line,) = [line for line in running.output.splitlines() if "is ready" in line]
    assert "Try: curl http://127.0.0.1:" in line
    assert "open to everyone" in running.output


def test_the_clock_ticks_at_the_start_after_the_resumption(running: Server) -> None:
    wait_for(lambda: running.note("ticks"))  # and more of them, each minute
    assert running.note("resumed") == ["resumed"]


def test_a_chain_of_ten_tasks_goes_to_its_end(running: Server) -> None:
    running.post({"do": "chain", "to": "chain", "left": 10})
    wait_for(lambda: running.note("chain"))


def test_two_queues_are_served_in_turn(running: Server) -> None:
    sqs = running.client("sqs")
    url = sqs.get_queue_url(QueueName="updraft-local-scheduling")["QueueUrl"]
    for number in range(12):
        sqs.send_message(
            QueueUrl=url, MessageBody=json.dumps({"do": "note", "to": "scheduled", "text": str(number)})
        )
    wait_for(lambda: sorted(map(int, running.note("scheduled"))) == list(range(12)))


def test_a_crash_is_reported_once_and_does_not_touch_the_api(running: Server) -> None:
    for do in ("exit", "kill", "segfault"):
        running.post({"do": do})
    wait_for(lambda: len(running.note("crashes")) == 3)
    assert {json.loads(line.split(" ", 1)[1])["do"] for line in running.note("crashes")} == {
        "exit",
        "kill",
        "segfault",
    }
    assert running.is_answering()
    time.sleep(1.2)
    assert len(running.note("crashes")) == 3


def test_a_task_that_holds_the_gil_does_not_touch_the_api(running: Server) -> None:
    locked = running.notes / "locked"
    with locked.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        running.post({"do": "hold", "until": "locked", "to": "gil"})
        wait_for(lambda: running.note("gil"))
        assert running.is_answering()
        assert running.note("let go") == []
    wait_for(lambda: running.note("let go"))


def test_a_failed_message_comes_again_and_ends_among_the_dead_letters(running: Server) -> None:
    sqs = running.client("sqs")
    url = sqs.get_queue_url(QueueName="updraft-local-tasks")["QueueUrl"]
    dead = sqs.get_queue_url(QueueName="updraft-local-tasks-dead-letters")["QueueUrl"]
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["RedrivePolicy"]
    )
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": 2})}
    )
    running.post({"do": "raise"})
    received: list[Any] = []

    def has_come() -> bool:
        received.extend(sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages", ()))
        return received != []

    wait_for(has_come)
    assert json.loads(received[0]["Body"]) == {"do": "raise"}
    assert "no such thing" in running.output
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})


def test_it_does_not_receive_what_it_has_no_worker_for(running: Server) -> None:
    for _ in range(6):
        running.post({"do": "wait", "until": "told to go on", "to": "places"})
    wait_for(lambda: len(running.note("places")) == 2)
    sqs = running.client("sqs")
    url = sqs.get_queue_url(QueueName="updraft-local-tasks")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert counts == {"ApproximateNumberOfMessages": "4", "ApproximateNumberOfMessagesNotVisible": "2"}
    (running.notes / "told to go on").touch()
    wait_for(lambda: len(running.note("places")) == 6)


def test_broken_dag_files_are_told_in_a_line_each_and_others_load(running: Server) -> None:
    (running.dags / "good.py").write_text("x = 1")
    (running.dags / "bad.py").write_text("x = (")
    wait_for(lambda: "bad.py" in running.output)
    lines = [line for line in running.output.splitlines() if line.startswith("Broken DAG file")]
    assert len(lines) == 1
    assert lines[0].startswith(f"Broken DAG file {running.dags}/bad.py: SyntaxError: ")
    assert "Traceback" not in "".join(lines)
    old = running.output
    (running.dags / "bad.py").write_text("x = 1")
    time.sleep(1.3)
    assert running.output == old


def test_a_stop_ends_every_process_and_a_start_goes_on(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    server.post({"do": "subprocess", "to": "sleeper", "session": True})
    wait_for(lambda: server.note("sleeper"))
    server.client("s3").put_object(Bucket="updraft-local-bucket", Key="logs/1", Body=b"text")
    assert len(server.pids()) >= 5
    assert server.stop(signal.SIGINT) == 0
    wait_for(lambda: not server.pids())
    assert published_endpoint(server.state) is None
    assert "Traceback" not in server.output

    server.start()
    wait_for(lambda: len(server.note("sleeper")) == 2)  # the interrupted task came again
    body = server.client("s3").get_object(Bucket="updraft-local-bucket", Key="logs/1")["Body"].read()
    assert body == b"text"
    assert server.note("crashes") == []
    assert server.stop(signal.SIGTERM) == 0
    wait_for(lambda: not server.pids())


def test_a_second_ctrl_c_does_not_wait_for_running_tasks(new_server: Callable[..., Server]) -> None:
    server = new_server(UPDRAFT__LOCAL__STOP_SECONDS="600").start()
    server.post({"do": "sleep", "seconds": 600})
    wait_for(lambda: server.note("sleeping"))
    server.process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once would be one
    assert server.stop(signal.SIGINT) == 0
    wait_for(lambda: not server.pids())


def test_killing_the_server_alone_ends_the_rest_and_loses_nothing(
    new_server: Callable[..., Server],
) -> None:
    server = new_server().start()
    server.post({"do": "hold", "seconds": 60})
    server.post({"do": "subprocess", "to": "sleeper", "session": True})
    wait_for(lambda: server.note("holding") and server.note("sleeper"))
    server.client("dynamodb").put_item(
        TableName="updraft-local-users", Item={"username": {"S": "last second"}}
    )
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not server.pids())

    server.start()
    items = server.client("dynamodb").scan(TableName="updraft-local-users")["Items"]
    assert items == [{"username": {"S": "last second"}}]


def test_after_kill_9_of_everything_only_the_last_seconds_are_lost(
    new_server: Callable[..., Server],
) -> None:
    server = new_server().start()
    dynamodb = server.client("dynamodb")
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="probe")["QueueUrl"]
    written = {}
    number = 0
    deadline = time.monotonic() + 3.3
    while time.monotonic() < deadline:
        number += 1
        # the item first, then the message: no snapshot may hold the message without the item
        dynamodb.put_item(TableName="updraft-local-users", Item={"username": {"S": str(number)}})
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
        written[number] = time.monotonic()
    killed = time.monotonic()
    server.kill_everything()

    server.start()
    dynamodb, sqs = server.client("dynamodb"), server.client("sqs")
    items = dynamodb.scan(TableName="updraft-local-users")["Items"]
    saved = {int(item["username"]["S"]) for item in items}
    assert saved == set(range(1, len(saved) + 1))
    assert killed - written[len(saved)] < 3
    url = sqs.get_queue_url(QueueName="probe")["QueueUrl"]
    names = ["ApproximateNumberOfMessages"]
    messages = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]]
    assert len(saved) - 1 <= int(messages) <= len(saved)


def fail_to_start(server: Server) -> str:
    server.start(wait=False)
    assert server.process.wait(PATIENCE_SECONDS) == 1
    (line,) = [line for line in server.output.splitlines() if line]
    wait_for(lambda: not server.pids())
    return line


def test_a_taken_port_is_told_in_one_line(new_server: Callable[..., Server]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = fail_to_start(new_server(PORT=port))
    assert line == f"Port {port} cannot be used: Address already in use. Set PORT to another one."


def test_an_unwritable_state_folder_is_told_in_one_line(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    line = fail_to_start(new_server(UPDRAFT__LOCAL__STATE_DIR=str(tmp_path / "file" / "state")))
    assert line.startswith(f"The state folder {tmp_path}/file/state cannot be written: Not a directory.")


def test_a_state_folder_in_use_is_told_in_one_line(
    running: Server, new_server: Callable[..., Server]
) -> None:
    line = fail_to_start(new_server(UPDRAFT__LOCAL__STATE_DIR=str(running.state)))
    assert line.endswith(f"is in use by another local server (process {running.process.pid}).")


def test_a_damaged_snapshot_is_told_and_left_alone(new_server: Callable[..., Server]) -> None:
    server = new_server()
    server.state.mkdir()
    (server.state / "snapshot").write_bytes(b"\x80\x05cos\nsystem\n.")
    server.start(wait=False)
    assert server.process.wait(PATIENCE_SECONDS) == 1
    assert "snapshot cannot be read: it holds a os.system" in server.output
    assert "Traceback" not in server.output
    assert (server.state / "snapshot").read_bytes() == b"\x80\x05cos\nsystem\n."


def test_a_lost_backend_ends_the_server(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in server.pids()}
    (emulator,) = [pid for pid, command in commands.items() if b"emulated_aws" in command]
    os.kill(emulator, signal.SIGKILL)
    assert server.process.wait(PATIENCE_SECONDS) == 1
    assert "The embedded AWS ended unexpectedly" in server.output
    wait_for(lambda: not server.pids())
