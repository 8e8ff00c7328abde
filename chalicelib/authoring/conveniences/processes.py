"""Functions on processes and their environment (``airflow.utils.process_utils``)."""

import logging
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

log = logging.getLogger("airflow.task")


def execute_in_subprocess(
    cmd: list[str], cwd: str | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command and log what it prints; raises ``CalledProcessError`` if it does not end with 0."""
    log.info("Executing cmd: %s", shlex.join(cmd))
    with subprocess.Popen(  # noqa: S603 - the user's own command
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, close_fds=True, cwd=cwd, env=env
    ) as process:
        log.info("Output:")
        for line in process.stdout or ():
            log.info("%s", line.decode(errors="backslashreplace").rstrip())
        exit_code = process.wait()
    if exit_code:
        raise subprocess.CalledProcessError(exit_code, cmd)


@contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment in the code inside; afterwards they are what they were."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
