"""``BashSensor``: waits until a shell command succeeds."""

import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import AirflowFailException
from chalicelib.authoring.operators.bash import ShellCommand
from chalicelib.authoring.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class BashSensor(BaseSensorOperator):
    """Waits until the command exits with 0.

    With ``retry_exit_code`` that code alone means "not yet", and any other fails the sensor for good.
    ``env`` takes the place of the inherited environment.
    """

    template_fields: Sequence[str] = ("bash_command", "env")

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.output_encoding = output_encoding
        self.retry_exit_code = retry_exit_code
        self._command = ShellCommand(self.log)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - Airflow's signature
        """Run the command in a temporary directory."""
        environment = dict(os.environ) if self.env is None else self.env
        with tempfile.TemporaryDirectory(prefix="airflowtmp") as directory:
            _, code = self._command.run(self.bash_command, directory, environment, self.output_encoding)
        if code == 0:
            return True
        if self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException(f"Command exited with return code {code}")
        self.log.info("Return code %s, will retry later", code)
        return False

    def on_kill(self) -> None:
        """End the command and what it started."""
        self._command.end()
