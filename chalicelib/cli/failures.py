"""Failures of a command: one line on standard error that says what to do, exit code 1 (2 for usage)."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from chalicelib.domain.errors import StoreUnavailable, UpdraftError
from chalicelib.settings import SettingError

_ADVICE = {
    "NoRegionError": "set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile that has a region",
    "NoCredentialsError": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
_OTHER_ADVICE = "look at the stage (UPDRAFT__AWS__STAGE, --stage) and at your credentials"

_WHERE_TO_LOOK = {
    "dag_not_found": "'dags list' shows those of the stage",
    "dag_run_not_found": "'dags list-runs -d DAG_ID' shows those of the DAG",
    "task_not_found": "'tasks list DAG_ID' shows those of the DAG",
    "task_instance_not_found": "'tasks states-for-dag-run DAG_ID RUN' shows those of the run",
    "pool_not_found": "'pools list' shows those of the stage",
}
"""What to do about errors that do not say it, by their codes."""


class WrongUsage(click.UsageError):
    """A command line that cannot be understood, told in one line; Click's own text takes four."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Say what is wrong, and where to read what is right."""
        command = self.ctx.command_path if self.ctx else "--help"
        text = f"Error: {_one_line(self.format_message())} See '{command} --help'."
        click.echo(text, file=file or sys.stderr, color=self.ctx.color if self.ctx else None)


class CommandLine(click.Group):
    """A group whose commands may raise the project's errors and AWS's; the user sees what they say."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Understand the options before any command; raises ``WrongUsage``."""
        with _told_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raises ``ClickException`` in place of those errors."""
        if os.environ.get("NO_COLOR"):  # https://no-color.org
            ctx.color = False
        try:
            with _told_in_one_line():
                return super().invoke(ctx)
        except StoreUnavailable as error:
            raise click.ClickException(f"{error}. Nothing is known to be lost: try again.") from error
        except (UpdraftError, SettingError) as error:
            raise click.ClickException(_refusal(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # who reads our output has had enough: Click ends quietly
                raise
            raise click.ClickException(_one_line(error)) from error
        except Exception as error:
            if not _is_of_aws(error):
                raise
            advice = _ADVICE.get(type(error).__name__, _OTHER_ADVICE)
            raise click.ClickException(f"AWS refused ({_one_line(error)}): {advice}") from error


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # the group's help is the answer
        raise
    except click.UsageError as error:
        raise WrongUsage(error.format_message(), error.ctx) from error


def _refusal(error: UpdraftError | SettingError) -> str:
    code = error.code if isinstance(error, UpdraftError) else ""
    advice = _WHERE_TO_LOOK.get(code)
    return f"{_one_line(error)}. {advice}" if advice else _one_line(error)


def _one_line(error: Exception | str) -> str:
    return " ".join(str(error).split())


def _is_of_aws(error: Exception) -> bool:
    """Whether botocore raised it; told by its name, for botocore takes long to import."""
    return any(kind.__module__.startswith("botocore.") for kind in type(error).__mro__)
