"""The embedded AWS, seen from the server that starts it (the program itself is ``emulated_aws``)."""

import http.client
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.local.emulated_aws import LOG, OBJECTS
from chalicelib.local.emulated_aws.signatures import ACCESS_KEY_VARIABLE, SECRET_KEY_VARIABLE
from chalicelib.local.lifeline import Lifeline
from chalicelib.local.state_folder import Endpoint

REGION = "us-east-1"
_PROJECT_ROOT = Path(__file__).resolve().parents[2]
_FOREIGN_SETTINGS = ("MINISTACK_", "LOCALSTACK_", "AWS_", "DYNAMODB_", "S3_", "SQS_")


class EmulatorFailed(Exception):
    """The embedded AWS did not come up, or went away."""


class Emulator:
    """A child process that answers for DynamoDB, SQS and S3 on a free port of 127.0.0.1.

    It keeps its state in ``state_dir`` and takes it up again at its next start. It answers only to requests
    that are signed with the key of ``endpoint``, which is another one each time. It ends with ``stop``, and
    by itself when the server is gone. ``keep_open`` names file descriptors that it holds as long as
    it lives: the lock on the folder, so that nobody else opens it while the last save is under way.
    """

    def __init__(self, state_dir: Path, lifeline: Lifeline, keep_open: tuple[int, ...] = ()) -> None:
        self._state_dir = state_dir
        self._lifeline = lifeline
        self._keep_open = keep_open
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers, and to whom; once it was started."""
        assert self._endpoint  # noqa: S101 - nobody asks before the start
        return self._endpoint

    def start(self) -> None:
        """Start it and return at once: calls wait in the socket's queue until it answers."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            self._endpoint = _new_endpoint(listener.getsockname()[1])
            command = [sys.executable, "-m", "chalicelib.local.emulated_aws"]
            arguments = [str(listener.fileno()), str(self._lifeline.read_end), str(self._state_dir)]
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command of our own
                command + arguments,
                cwd=_PROJECT_ROOT,
                env=_environment(self._state_dir, self._endpoint, os.environ),
                stdin=subprocess.DEVNULL,
                pass_fds=(listener.fileno(), self._lifeline.read_end, *self._keep_open),
                start_new_session=True,  # Ctrl-C is the server's business: it stops the emulator last
            )

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return once it answers; raises EmulatorFailed when it ends or takes over ``timeout`` seconds."""
        connection = http.client.HTTPConnection(urlsplit(self.endpoint.url).netloc, timeout=timeout)
        try:
            connection.request("GET", "/")  # not signed: it answers without touching a service
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
        """Have it write a snapshot and end; kill it when that takes longer than ``timeout`` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without a last snapshot: the journal has what was answered."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()


def aws_environment(endpoint: Endpoint) -> dict[str, str]:
    """What a client of the embedded AWS has in its environment: no profile and no key of the user's."""
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        ACCESS_KEY_VARIABLE: endpoint.access_key_id,
        SECRET_KEY_VARIABLE: endpoint.secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _new_endpoint(port: int) -> Endpoint:
    return Endpoint(
        url=f"http://127.0.0.1:{port}",
        access_key_id=f"LOCAL{secrets.token_hex(8).upper()}",
        secret_access_key=secrets.token_urlsafe(32),
    )


def _environment(state_dir: Path, endpoint: Endpoint, environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without anything that would steer ministack, and what we steer it with."""
    inherited = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN_SETTINGS)}
    return {
        **inherited,
        ACCESS_KEY_VARIABLE: endpoint.access_key_id,
        SECRET_KEY_VARIABLE: endpoint.secret_access_key,
        "AUTH": "false",  # ministack's own checks; our gate stands before it
        "USE_SSL": "0",
        "PERSIST_STATE": "0",  # it would save at its end only; emulated_aws keeps each change
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
