"""What a command that fails says: one line that tells what to do."""

import errno

import click
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError
from click.testing import CliRunner, Result

from chalicelib.cli.arguments import confirm
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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "No such command 'nothing'. See 'updraft --help'."),
        (["--nothing"], "No such option '--nothing'. See 'updraft --help'."),
        (["takes", "much"], "'much' is not a valid integer. See 'updraft takes --help'."),
        (["takes"], "Missing argument 'NUMBER'. See 'updraft takes --help'."),
    ],
)
def test_wrong_usage_is_one_line_too(arguments: list[str], says: str) -> None:
    @click.command()
    @click.argument("number", type=int)
    def takes(number: int) -> None:
        raise AssertionError(number)

    line = CommandLine(name="updraft", commands={"takes": takes})
    done = CliRunner().invoke(line, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.endswith(f"{says}\n")
    assert done.stderr.count("\n") == 1


def test_a_group_without_a_command_shows_its_help() -> None:
    assert CliRunner().invoke(CommandLine(name="updraft"), []).output.startswith("Usage: updraft")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("n\n", "Aborted!\n"),
        ("", "Error: Nobody answers: say --yes to go on without a question\n"),
    ],
)
def test_nothing_is_destroyed_without_an_answer(answer: str, says: str) -> None:
    @click.command()
    def destroys() -> None:
        confirm("All of it goes.", yes=False)
        raise AssertionError("it went")

    done = CliRunner().invoke(CommandLine(commands={"destroys": destroys}), ["destroys"], input=answer)
    assert done.exit_code == 1
    assert done.stderr.endswith(says)
