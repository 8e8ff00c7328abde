"""A copy of the project on its way to the emulator: staged, deployed, called, destroyed."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib import aws
from chalicelib.deploy.chalice.record import Deployed, read_deployed
from chalicelib.deploy.description.functions import API_STAGE
from tests.integration.server.api import HttpApi
from tests.scripted.asking import Answer

STAGE = "e2e"

OPEN = "airflow.api.auth.backend.default"
CLOSED = "airflow.api.auth.backend.deny_all"

JSON = "application/json"

API = f"/{API_STAGE}/experimental"
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""All that a REST API of API Gateway can have."""

SHIPPED = ("app.py", "requirements.txt", "chalicelib")
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "deployed", "deployments", "layers")

OWN_ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
"""Lambda's name for this machine's."""

DEPLOY_SECONDS = 300
COMMAND_SECONDS = 180


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """The REST API as clients see it: through API Gateway, at its stage."""

    port: int
    rest_api_id: str

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to a path such as `/api/experimental/test`, the body as it is."""
        host = f"{self.rest_api_id}.execute-api.localhost:{self.port}"
        return HttpApi(port=self.port).send(method, path, {**headers, "Host": host}, body)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a body as JSON; an `_` in the names of headers stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.send(method, path, named, b"")
        return self.send(method, path, {"Content-Type": JSON, **named}, json.dumps(body).encode())


@dataclass(kw_only=True, slots=True)
class Project:
    """A staged copy of the project and the place it is deployed to.

    `environment` is what Chalice and the command line run with: the account, the region, and the
    adapter's port as the endpoint of all AWS services. `auth_backend` is the one that answers now, none
    before a deployment got to its end.
    """

    directory: Path
    adapter_port: int
    environment: dict[str, str]
    auth_backend: str | None = None
    stage: str = STAGE

    @property
    def deployed(self) -> Deployed:
        return read_deployed(self.directory, self.stage)

    @property
    def gateway(self) -> Gateway:
        return Gateway(port=self.adapter_port, rest_api_id=self.deployed.rest_api_id)

    def deploy(self, auth_backend: str) -> str:
        """All between a checkout and a stage that answers, as a user does it; what the command says."""
        self.auth_backend = None
        self.set_stage(auth_backend)
        said = self.command_line("deploy", "--stage", self.stage, timeout=DEPLOY_SECONDS)
        self.auth_backend = auth_backend
        return said

    def ensure(self, auth_backend: str) -> None:
        """Deploy, unless that is how it is: one API is deployed over and over, as happens in its life."""
        if self.auth_backend != auth_backend:
            self.deploy(auth_backend)

    def deploy_killed_at(self, auth_backend: str, line: str) -> None:
        """Begin to deploy, and kill all that takes part in it when it says what the pattern describes."""
        self.auth_backend = None
        self.set_stage(auth_backend)
        with subprocess.Popen(
            [sys.executable, "-m", "chalicelib", "deploy", "--stage", self.stage],
            cwd=self.directory,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as deployment:
            late = threading.Timer(DEPLOY_SECONDS, os.killpg, (deployment.pid, signal.SIGKILL))
            late.start()
            said = []
            assert deployment.stdout is not None
            for spoken in deployment.stdout:
                said.append(spoken)
                if re.match(line, spoken):
                    break
            late.cancel()
            os.killpg(deployment.pid, signal.SIGKILL)
            assert re.match(line, said[-1]), f"It has not said {line!r}:\n{''.join(said)}"

    def set_variables(self, **variables: str) -> None:
        """Set environment variables of the functions, from the next deployment on."""
        path = self.directory / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"]["dev"]["environment_variables"] |= variables
        path.write_text(json.dumps(config))

    def set_architecture(self, architecture: str) -> None:
        """Have the stage's functions on another machine, by Lambda's name, from the next package on."""
        path = self.directory / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"][self.stage]["lambda_architecture"] = architecture
        path.write_text(json.dumps(config))

    def forget(self) -> None:
        """Lose Chalice's record, as in another checkout, or when a deployment was killed."""
        (self.directory / ".chalice" / "deployed" / f"{self.stage}.json").unlink()

    def command_line(
        self, *arguments: str, stdin: str = "", timeout: float = COMMAND_SECONDS, **variables: str
    ) -> str:
        """What a command of the staged project says; when it fails, so does the test, with that."""
        command = [sys.executable, "-m", "chalicelib", *arguments]
        environment = {**self.environment, **variables}
        return run(command, self.directory, environment, stdin=stdin, timeout=timeout)

    def on_its_tables(self, *arguments: str, stdin: str = "") -> str:
        """What a command says that works on the stage's tables and queues, past its API."""
        config = json.loads((self.directory / ".chalice" / "config.json").read_text())
        return self.command_line(
            *arguments, stdin=stdin, **config["stages"][self.stage]["environment_variables"]
        )

    def routes(self) -> dict[str, dict[str, str]]:
        """The deployed paths, each parameter filled in with `x`: their methods, and who guards these.

        That is API Gateway's authorization type, `CUSTOM` where there is an authorizer.
        """
        resources = aws.client("apigateway").get_resources(
            restApiId=self.deployed.rest_api_id, embed=["methods"], limit=500
        )
        return {
            filled_in(resource["path"]): {
                method: settings["authorizationType"]
                for method, settings in resource["resourceMethods"].items()
            }
            for resource in resources["items"]
            if resource.get("resourceMethods")
        }

    def function_logs(self) -> str:
        """What the functions wrote, for the text of a failure."""
        logs = aws.client("logs")
        return "\n".join(
            f"{group['logGroupName']}: {event['message']}"
            for group in logs.describe_log_groups()["logGroups"]
            for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        )

    def set_stage(self, auth_backend: str) -> None:
        """Write the stage into `config.json`, made from `dev`."""
        path = self.directory / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        stage = json.loads(json.dumps(config["stages"]["dev"]))
        stage["environment_variables"] |= {
            "UPDRAFT__AWS__STAGE": self.stage,
            "AIRFLOW__API__AUTH_BACKEND": auth_backend,
            # The tests ask more often than people do.
            "UPDRAFT__API__THROTTLING_RATE_LIMIT": "1000",
            "UPDRAFT__API__THROTTLING_BURST_LIMIT": "1000",
        }
        stage["lambda_architecture"] = OWN_ARCHITECTURE  # the emulator runs the functions on this machine
        config["stages"][self.stage] = stage
        path.write_text(json.dumps(config))


def run(
    command: list[str], directory: Path, environment: dict[str, str], *, stdin: str = "", timeout: float
) -> str:
    """What a command says; when it fails, so does the test, with that."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        input=stdin,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def filled_in(path: str) -> str:
    """The path of a resource, as clients see it, with `x` for each parameter."""
    return f"/{API_STAGE}{re.sub(r'{[^}]+}', 'x', path)}"


def stage_project(source: Path, directory: Path, adapter_port: int) -> Project:
    """Copy what is deployed of the project in `source` to `directory`."""
    directory.mkdir()
    for name in SHIPPED:
        if (source / name).is_dir():
            shutil.copytree(source / name, directory / name, ignore=NOT_SHIPPED)
        else:
            shutil.copy(source / name, directory / name)
    shutil.copytree(source / ".chalice", directory / ".chalice", ignore=NOT_SHIPPED)
    for policy in (directory / ".chalice").glob("policy-*.json"):
        _allow_batches(policy)
    environment = {
        **aws_environment(adapter_port),
        # It would be packaged, and each command makes more of it: Chalice would never reuse a package.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Project(directory=directory, adapter_port=adapter_port, environment=environment)


def _allow_batches(policy: Path) -> None:
    # On AWS the right to send covers SendMessageBatch; ministack 1.5.33 takes that for a right of its own.
    text = policy.read_text()
    policy.write_text(text.replace('"sqs:SendMessage"', '"sqs:SendMessage", "sqs:SendMessageBatch"'))


def aws_environment(port: int) -> dict[str, str]:
    """The variables that lead every AWS client to `port`, and none of the developer's own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],  # where pip keeps its settings and the wheels it has
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
