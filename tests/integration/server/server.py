"""A real local server as a process of its own: its start, its output, and each way to its end."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.server.api import HttpApi
from tests.leaks import leak
from tests.waiting import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).parents[3]

_SETTINGS_OF_OTHERS = ("AIRFLOW__", "UPDRAFT__", "AWS_", "MAKELEVEL")
_READY = re.compile(r"^Updraft is ready on http://127\.0\.0\.1:(\d+)\. Try: (.+)$", re.MULTILINE)


class Server:
    """``python -m chalicelib.local`` on a free port, with a state folder in ``folder``.

    ``dags`` is its DAGs folder, the shipped one if left out; further settings are variables of its
    environment. It can be started again after its end.
    """

    def __init__(self, folder: Path, dags: Path | None = None, **settings: str) -> None:
        self.state = folder / "state"
        self.api = HttpApi(port=0)
        self._output = folder / "output"
        foreign = {name for name in os.environ if name.startswith(_SETTINGS_OF_OTHERS)}
        self.environ = {
            **{name: value for name, value in os.environ.items() if name not in foreign},
            "PORT": "0",
            "UPDRAFT__LOCAL__STOP_SECONDS": "0",
            "UPDRAFT__LOCAL__STATE_DIR": str(self.state),
            **({"AIRFLOW__CORE__DAGS_FOLDER": str(dags)} if dags else {}),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and see its ready line."""
        process = self._launch()
        wait_for(lambda: _READY.search(self.output) or process.poll() is not None)
        ready = _READY.search(self.output)
        assert ready, self.output
        self.api = HttpApi(port=int(ready[1]))

    def refuse_to_start(self) -> str:
        """Start it and see it give up: all that it said, which is one line, and exit code 1."""
        assert self._launch().wait(PATIENCE_SECONDS) == 1, self.output
        wait_for(lambda: not self.pids())
        (line,) = self.output.splitlines()
        return line

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Have it stop by a signal, and see every process of it end."""
        assert self._process
        self._process.send_signal(number)
        assert self._process.wait(PATIENCE_SECONDS) == 0, self.output
        wait_for(lambda: not self.pids())

    def kill(self) -> None:
        """``kill -9`` of all its processes at one instant: none gets to see the end of another."""
        doomed = self.pids()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        if self._process:
            self._process.wait(PATIENCE_SECONDS)
        wait_for(lambda: not self.pids())

    @property
    def output(self) -> str:
        """What it wrote since its last start."""
        return self._output.read_text()

    @property
    def proposal(self) -> str:
        """The command that its ready line proposes."""
        ready = _READY.search(self.output)
        assert ready, self.output
        return ready[2]

    @property
    def kept_logs(self) -> str:
        """The task logs that it keeps: all of them, one after the other."""
        logs = (path for path in self.state.rglob("*") if "/logs/" in str(path) and path.is_file())
        return "\n".join(path.read_bytes().decode(errors="replace") for path in sorted(logs))

    def pids(self) -> set[int]:
        """Its processes, those that left its session included: they all have its state folder's name."""
        mine = f"UPDRAFT__LOCAL__STATE_DIR={self.environ['UPDRAFT__LOCAL__STATE_DIR']}".encode()
        return {
            int(path.name) for path in Path("/proc").glob("[0-9]*") if mine in _environment(path).split(b"\0")
        }

    def command_line(self, *arguments: str, stdin: str = "") -> str:
        """What ``python -m chalicelib ...`` prints beside the running server."""
        done = subprocess.run(
            [sys.executable, "-m", "chalicelib", *arguments],
            cwd=ROOT,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chalicelib.local"],
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._process


def _environment(process: Path) -> bytes:
    """The environment that a process was started with; nothing of one that is gone, or a zombie."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


@contextmanager
def running(folder: Path, dags: Path | None = None, /, **settings: str) -> Iterator[Server]:
    """A server that has started, until the block ends."""
    server = Server(folder, dags, **settings)
    try:
        server.start()
        yield server
        server.stop()
        assert leak(server.output) is None
        assert leak(server.kept_logs) is None
    finally:
        server.kill()
