"""The ssh and sftp packages over a real sshd."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.providers.kinds.running import DATE, dag, log_of, not_successful
from tests.providers.kinds.sshd import Sshd

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
    of_another = server.connection("ssh", host_key=_ANOTHER_HOST)
    connections = {"ssh_default": server.connection("ssh"), "ssh_of_another_host": of_another}
    with service() as port:
        environ = {"PORT_BEHIND_TUNNEL": str(port)}
        run = dag("remote_commands.py", None, connections=connections, environ=environ).run(DATE)
    log = log_of(run)
    assert not_successful(run) == {"fails", "too_long", "stranger"}, log
    assert run["tunnel"].xcom() == "from behind"
    assert run["command_by_hook"].xcom() == [0, "", "warn\n"]
    assert "SSH operator error: exit status = 3" in run["fails"].log
    assert "SSH command timed out" in run["too_long"].log
    assert "BadHostKeyException" in run["stranger"].log
    assert "PRIVATE KEY" not in log


_ANOTHER_HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILi7m7gfwgrSC/wZabOU6i2hAJcy+VqhOthMR7GnwwwY"


def test_files_go_to_sftp_and_s3_and_come_back(
    server: Sshd, aws: Mapping[str, object], tmp_path: Path
) -> None:
    folder = server.files / "exchange"
    folder.mkdir()
    run = dag(
        "file_exchange.py",
        None,
        connections={"sftp_default": server.connection("sftp"), "aws_default": aws},
        environ={"FILES_OF_SFTP": str(folder), "FILES_HERE": str(tmp_path)},
    ).run(DATE)
    assert not_successful(run) == {"missing"}, log_of(run)
    assert "Error while transferring from" in run["missing"].log


def test_sensors_find_their_files_at_the_poke_at_which_these_come(server: Sshd) -> None:
    inbox = server.files / "inbox"
    inbox.mkdir()
    ways = ["poke", "reschedule", "deferrable", "by_pattern", "decorated"]
    server.let_arrive({inbox / f"{way}.csv": POKES * nth for nth, way in enumerate(ways, start=1)})
    run = dag(
        "file_arrives.py",
        None,
        connections={"sftp_default": server.connection("sftp")},
        environ={"FILES_OF_SFTP": str(inbox)},
    ).run(DATE)
    assert not_successful(run) == set(), log_of(run)
    assert run["decorated"].xcom()["decorator_return_value"] == ["csv", 1]
    assert server.sessions == POKES * len(ways)
