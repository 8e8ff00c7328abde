"""The ssh and sftp packages over a real sshd."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.integration.providers.running import run
from tests.integration.providers.sshd import Sshd

POKES = 3


class _Behind(BaseHTTPRequestHandler):
    """A service that only the tunnel reaches, as far as the DAG file knows."""

    def do_GET(self) -> None:
        body = b"from behind"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def service() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Behind) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield served.server_port
        finally:
            served.shutdown()
            thread.join()


def test_commands_run_on_another_machine_and_their_failures_are_told(server: Sshd) -> None:
    stranger = json.loads(server.connection("ssh"))
    stranger["extra"]["host_key"] = _ANOTHER_HOST
    with service() as port:
        ran = run(
            "remote_commands",
            "remote_commands.py",
            {
                "AIRFLOW_CONN_SSH_DEFAULT": server.connection("ssh"),
                "AIRFLOW_CONN_SSH_OF_ANOTHER_HOST": json.dumps(stranger),
                "PORT_BEHIND_TUNNEL": str(port),
            },
        )
    failed = {task_id for task_id, state in ran.tasks.items() if state != "success"}
    assert failed == {"fails", "too_long", "stranger"}, ran.log
    assert "SSH operator error: exit status = 3" in ran.log
    assert "SSH command timed out" in ran.log
    assert "BadHostKeyException" in ran.log
    assert "PRIVATE KEY" not in ran.log


_ANOTHER_HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILi7m7gfwgrSC/wZabOU6i2hAJcy+VqhOthMR7GnwwwY"


def test_files_go_to_sftp_and_s3_and_come_back(server: Sshd, aws: str, tmp_path: Path) -> None:
    folder = server.files / "exchange"
    folder.mkdir()
    ran = run(
        "file_exchange",
        "file_exchange.py",
        {
            "AIRFLOW_CONN_SFTP_DEFAULT": server.connection("sftp"),
            "AIRFLOW_CONN_AWS_DEFAULT": _aws(aws),
            "FILES_OF_SFTP": str(folder),
            "FILES_HERE": str(tmp_path),
        },
    )
    assert {task_id for task_id, state in ran.tasks.items() if state != "success"} == {"missing"}, ran.log
    assert "Error while transferring from" in ran.log


def test_sensors_find_their_files_at_the_poke_at_which_these_come(server: Sshd) -> None:
    inbox = server.files / "inbox"
    inbox.mkdir()
    ways = ["poke", "reschedule", "deferrable", "by_pattern", "decorated"]
    server.let_arrive({inbox / f"{way}.csv": POKES * nth for nth, way in enumerate(ways, start=1)})
    ran = run(
        "file_arrives",
        "file_arrives.py",
        {"AIRFLOW_CONN_SFTP_DEFAULT": server.connection("sftp"), "FILES_OF_SFTP": str(inbox)},
    )
    assert ran.state == "success", ran.log
    assert server.sessions == POKES * len(ways)


def _aws(endpoint: str) -> str:
    fields = {
        "conn_type": "aws",
        "login": "testing",
        "password": "testing",
        "extra": {"region_name": "us-east-1", "endpoint_url": endpoint},
    }
    return json.dumps(fields)
