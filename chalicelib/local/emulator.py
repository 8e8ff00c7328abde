"""The embedded AWS, seen from the server that starts it (the program itself is ``emulated_aws``)."""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.local.emulated_aws import LOG, OBJECTS
from chalicelib.local.lifeline import Lifeline

REGION = "us-east-1"
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
_FOREIGN_SETTINGS = ("MINISTACK_", "LOCALSTACK_", "AWS_", "DYNAMODB_", "S3_", "SQS_")


class EmulatorFailed(Exception):
    """The embedded AWS did not come up, or went away."""


class Emulator:
    """A child process that answers for DynamoDB, SQS and S3 on a free port of 127.0.0.1.

    It saves its state in ``state_dir`` and takes it up again at its next start. It ends with ``stop``,
    and by itself when the server is gone. ``keep_open`` names file descriptors that it holds as long as
    it lives: the lock on the folder, so that nobody else opens it while the last save is under way.
    """

    def __init__(self, state_dir: Path, lifeline: Lifeline, keep_open: tuple[int, ...] = ()) -> None:
        self._state_dir = state_dir
        self._lifeline = lifeline
        self._keep_open = keep_open
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def start(self) -> None:
        """Start it and return at once: calls wait in the socket's queue until it answers."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            self.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
            command = [sys.executable, "-m", "chalicelib.local.emulated_aws"]
            arguments = [str(listener.fileno()), str(self._lifeline.read_end), str(self._state_dir)]
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command of our own
                command + arguments,
                cwd=_PROJECT_ROOT,
                env=_environment(self._state_dir, os.environ),
                stdin=subprocess.DEVNULL,
                pass_fds=(listener.fileno(), self._lifeline.read_end, *self._keep_open),
                start_new_session=True,  # Ctrl-C is the server's business: it stops the emulator last
            )

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return once it answers; raises EmulatorFailed when it ends or takes over ``timeout`` seconds."""
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=timeout)
        try:
            connection.request("GET", "/_ready")  # a refused path: it answers without touching a service
            connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise EmulatorFailed(
                f"the embedded AWS did not start; {self._state_dir / LOG} may tell why"
            ) from error
        finally:
            connection.close()

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process, once started."""
        return self._process.pid if self._process else None

    def stop(self, timeout: float = 60.0) -> None:
        """Have it save and end; kill it when that takes longer than ``timeout`` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without a last save: the last snapshot stands."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()


def aws_environment(endpoint: str) -> dict[str, str]:
    """What a client of the embedded AWS has in its environment: no profile and no key of the user's."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _environment(state_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without anything that would steer ministack, and what we steer it with."""
    inherited = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN_SETTINGS)}
    return {
        **inherited,
        "AUTH": "false",
        "USE_SSL": "0",
        "PERSIST_STATE": "0",  # it would save at its end only; emulated_aws does it
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state_dir / OBJECTS),
        "SERVICES": "dynamodb,sqs,s3",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # part of the queues' names within ministack, which must survive a change of the real port
        "GATEWAY_PORT": "4566",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": "",
    }
