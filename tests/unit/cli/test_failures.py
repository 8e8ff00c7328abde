"""What a command that fails says: one line that tells what to do."""

import errno

import click
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from click.testing import CliRunner, Result

from chalicelib.cli.failures import CommandLine
from chalicelib.domain.errors import DagNotFound, StoreUnavailable

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not\nyou"}}, "GetItem")


def failing(error: Exception) -> Result:
    """The outcome of a command that raises this."""

    @click.command()
    def fails() -> None:
        raise error

    return CliRunner().invoke(CommandLine(commands={"fails": fails}), ["fails"])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DagNotFound("sales"), "Dag id sales not found in DagModel. 'dags list' shows those of the stage"),
        (StoreUnavailable("throttled"), "throttled. Nothing is known to be lost: try again."),
        (NoRegionError(), "set AWS_DEFAULT_REGION, or AWS_PROFILE to a profile that has a region"),
        (NoCredentialsError(), "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (REFUSED, "not you): look at the stage (UPDRAFT__AWS__STAGE, --stage) and at your credentials"),
        (FileNotFoundError(errno.ENOENT, "No such file", "pools.json"), "No such file: 'pools.json'"),
    ],
)
def test_a_failure_is_one_line_that_says_what_to_do(error: Exception, says: str) -> None:
    done = failing(error)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.endswith(f"{says}\n")
    assert done.stderr.count("\n") == 1


def test_a_bug_is_not_hidden() -> None:
    assert isinstance(failing(ZeroDivisionError()).exception, ZeroDivisionError)
