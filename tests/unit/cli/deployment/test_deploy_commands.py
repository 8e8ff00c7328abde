"""The commands for stages of ``.chalice/config.json``: what stops them early, and what the pages say."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chalicelib.cli import updraft
from tests.pages import PAGES

ROOT = Path(__file__).parents[4]
NAMED = [
    named for text in PAGES.values() for named in re.findall(r"python -m chalicelib ([a-z][^`\n|]*)", text)
]


@pytest.mark.parametrize("command", ["deploy", "package", "doctor", "destroy", "sync", "events connect"])
@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ("local", "The stage local is the local server's"),
        ("", "Name a stage: .chalice/config.json has dev, prod"),
        ("test", "There is no stage test: .chalice/config.json has dev, prod"),
    ],
)
def test_a_stage_that_cannot_be_deployed_is_refused_on_one_line(command: str, stage: str, says: str) -> None:
    done = CliRunner().invoke(updraft, [*command.split(), "--stage", stage])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {says}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("named", NAMED)
def test_every_command_that_a_page_names_exists_with_its_options(named: str) -> None:
    words = shlex.split(re.split(r"\s+#|\s*[<>;)]", named)[0])
    command, rest = _resolve(updraft, words)
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    assert {word for word in rest if word.startswith("-")} <= options
    assert not (isinstance(command, click.Group) and rest), f"{rest[0]} is no command"


def test_the_targets_of_make_run_the_same_commands() -> None:
    recipes = re.findall(
        r"^\t@\$\(VENV\)/bin/python -m chalicelib (.*)$", (ROOT / "Makefile").read_text(), re.M
    )
    assert recipes == [f'{name} --stage "$(STAGE)"' for name in ("deploy", "doctor", "destroy", "package")]


def _resolve(command: click.Command, words: list[str]) -> tuple[click.Command, list[str]]:
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words
