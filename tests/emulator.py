"""ministack as a child process: an AWS of one's own on free ports, gone when the tests are."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

START_SECONDS = 30
STOP_SECONDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """A running ministack; what it says goes to the file `log`."""

    port: int
    log: Path

    @property
    def endpoint(self) -> str:
        """Its address, for `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def ministack(
    python: Path, directory: Path, environ: Mapping[str, str], program: tuple[str, ...] = ("-m", "ministack")
) -> Iterator[Emulator]:
    """Run a Python's ministack with all its files in `directory`; it is stopped whatever happens.

    Its functions inherit its environment: `environ`, and what it needs itself. `program` are the arguments by
    which Python runs it.
    """
    emulator = Emulator(port=free_port(), log=directory / "ministack.log")
    with emulator.log.open("wb") as log:
        process = subprocess.Popen(
            [python, *program],
            env={**_environment(directory, emulator.port), **environ},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(emulator, process)
            yield emulator
        finally:
            _stop(process)


def _environment(directory: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "TMPDIR": str(directory),  # the functions' code lies there, and stays after a SIGTERM
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # it would open a second port
    }


def _wait_until_ready(emulator: Emulator, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(emulator.port):
            return
        time.sleep(0.05)
    pytest.fail(f"ministack did not start:\n{emulator.log.read_text()}", pytrace=False)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end and insist after a while; its functions' processes must not outlive it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):  # none is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
