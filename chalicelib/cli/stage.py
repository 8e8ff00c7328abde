"""The stage that a command deploys, checks or destroys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chalicelib.deploy.stages import Stage

PROJECT = Path(__file__).parents[2]
"""Where ``app.py`` and ``.chalice`` are."""


def deployable_stage(name: str) -> "Stage":
    """Read the stage and make this process's environment its own; raises as ``read_stage`` does."""
    from chalicelib.deploy.stages import enter, read_stage

    stage = read_stage(PROJECT, name)
    enter(stage, os.environ)
    return stage


@contextmanager
def or_one_line() -> Iterator[None]:
    """End the command with one line on stderr when something cannot be done, or AWS refuses it."""
    from chalicelib.deploy.steps import expected_errors

    try:
        yield
    except expected_errors() as error:
        raise click.ClickException(" ".join(str(error).split())) from error
