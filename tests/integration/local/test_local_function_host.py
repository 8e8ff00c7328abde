"""A function host without its pool."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS, wait_for

FAKE = "tests.integration.local.fake_app"
ROOT = Path(__file__).parents[3]


def test_a_pool_that_does_not_listen_any_more_is_gone_and_nothing_outlives_it(tmp_path: Path) -> None:
    """A child's end may be noticed before that of the server: both come at once when it is killed."""
    with contextlib.ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        lifeline, uncut = os.pipe()
        stack.callback(os.close, lifeline)
        stack.callback(os.close, uncut)
        host = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "chalicelib.local.function_host",
                str(theirs.fileno()),
                str(lifeline),
                FAKE,
            ],
            cwd=ROOT,
            env={**os.environ, "FAKE_NOTES": str(tmp_path)},
            pass_fds=(theirs.fileno(), lifeline),
            stderr=stack.enter_context((tmp_path / "said").open("wb")),
        )
        stack.callback(host.kill)
        channel, channel_of_child = socket.socketpair()
        socket.send_fds(ours, [b"1"], [channel_of_child.fileno()])
        channel_of_child.close()
        child = stack.enter_context(Connection(channel.detach()))
        pid = json.loads(child.recv_bytes())["pid"]
        request = {
            "handler": f"{FAKE}:invoked",
            "event": {"do": "subprocess", "to": "sleeper", "session": True},
            "request_id": "1",
            "function_name": "worker",
            "memory": 512,
            "timeout": PATIENCE_SECONDS,
        }
        child.send_bytes(json.dumps(request).encode())
        note = tmp_path / "sleeper"
        wait_for(lambda: note.exists() and note.read_text().endswith("\n"))

        ours.shutdown(socket.SHUT_RD)
        os.kill(pid, signal.SIGKILL)

        assert host.wait(PATIENCE_SECONDS) == 0, (tmp_path / "said").read_text()
        wait_for(lambda: not Path(f"/proc/{note.read_text().strip()}").exists())
