"""``BashOperator``: a shell command as a task."""

import logging
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from chalicelib.authoring.exceptions import AirflowException, AirflowSkipException
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.running.environment import run_variables
from chalicelib.authoring.running.missing_on_lambda import COMMAND_NOT_FOUND, advice_on_output

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

DEFAULT_SKIP_CODE = 99
"""The exit code that means "skipped" unless the task says otherwise."""

KILL_DELAY = 5.0
"""Seconds between asking a command's processes to end and killing them."""


class _Process(subprocess.Popen[bytes]):
    """A process that its owner knows before it is started: a signal may come at any moment after that."""

    def __init__(self, owner: "ShellCommand", arguments: Sequence[str], **options: Any) -> None:
        owner.process = self
        super().__init__(arguments, **options)


class ShellCommand:
    """A shell command at work, with all that it starts; it is in a process group of its own."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def run(
        self, command: str, directory: str, environment: Mapping[str, str], encoding: str
    ) -> tuple[str, int]:
        """Run a command to its end; the last line it printed, and its exit code.

        What it prints (both streams) is logged line by line. It is ended if it is cut short.
        """
        arguments = [shutil.which("bash") or "bash", "-c", command]
        self._log.info("Running command: %s", arguments)
        try:
            process = _Process(
                self,
                arguments,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=directory,
                env=environment,
                start_new_session=True,
            )
            last_line = self._log_output(process, encoding)
            exit_code = process.wait()
        except BaseException:
            self.end()
            raise
        finally:
            output = getattr(self.process, "stdout", None)
            if output is not None:
                output.close()
            self.process = None
        self._log.info("Command exited with return code %s", exit_code)
        return last_line, exit_code

    def end(self) -> None:
        """End the command and what it started: first by asking, then by force."""
        process = self.process
        if process is None or getattr(process, "pid", None) is None or process.poll() is not None:
            return  # not begun, or over
        self._log.info("Sending SIGTERM to the command's process group")
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=KILL_DELAY)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def _log_output(self, process: "subprocess.Popen[bytes]", encoding: str) -> str:
        self._log.info("Output:")
        line = ""
        for raw_line in process.stdout or ():
            line = raw_line.decode(encoding, errors="backslashreplace").rstrip()
            self._log.info("%s", line)
        return line


class BashOperator(BaseOperator):
    """Runs a command, a script or a file ending in ``.sh`` or ``.bash`` (looked for beside the DAG file).

    Exit code 0 is success and one of ``skip_on_exit_code`` a skip; any other raises
    ``AirflowException``. What the command prints (both streams) goes to the task's log line by line; the
    last line, through ``output_processor``, is the result.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_fields_renderers: ClassVar[Mapping[str, str]] = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_exit_code: int | None = None,
        skip_on_exit_code: int | Container[int] | None = DEFAULT_SKIP_CODE,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda result: result,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        skip_codes = skip_on_exit_code if skip_exit_code is None else skip_exit_code
        self.skip_on_exit_code: Container[int] = _codes(skip_codes)
        self.cwd = cwd
        self.output_processor = output_processor
        self._command = ShellCommand(self.log)

    def execute(self, context: "Context") -> Any:
        """Run the command; returns the last line it printed, processed."""
        with _working_directory(self.cwd) as directory:
            last_line, exit_code = self._command.run(
                self.bash_command, directory, self._environment(context), self.output_encoding
            )
        if exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Bash command returned exit code {exit_code}. Skipping.")
        if exit_code == COMMAND_NOT_FOUND and (advice := advice_on_output(last_line)):
            self.log.error("%s", advice)
        if exit_code != 0:
            raise AirflowException(
                f"Bash command failed. The command returned a non-zero exit code {exit_code}."
            )
        return self.output_processor(last_line)

    def _environment(self, context: "Context") -> dict[str, str]:
        inherited = self.env is None or self.append_env
        variables = dict(os.environ) if inherited else run_variables(context)
        return variables | (self.env or {})

    def on_kill(self) -> None:
        """End the command and what it started."""
        self._command.end()


@contextmanager
def _working_directory(cwd: str | None) -> Iterator[str]:
    """The task's directory, or a temporary one that is removed afterwards."""
    if cwd is not None:
        if not os.path.exists(cwd):
            raise AirflowException(f"Can not find the cwd: {cwd}")
        if not os.path.isdir(cwd):
            raise AirflowException(f"The cwd {cwd} must be a directory")
        yield cwd
        return
    with tempfile.TemporaryDirectory(prefix="airflowtmp") as directory:
        yield directory


def _codes(value: int | Container[int] | None) -> Container[int]:
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else value


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # it ended by itself in the meantime
