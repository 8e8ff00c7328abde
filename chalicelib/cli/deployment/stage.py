"""The stage that a command deploys, checks or destroys."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.deploy.stages import Stage

PROJECT = Path(__file__).parents[3]
"""Where ``app.py`` and ``.chalice`` are."""


def deployable_stage(name: str) -> "Stage":
    """Read the stage and make this process's environment its own; raises as ``read_stage`` does."""
    from chalicelib.deploy.stages import enter, read_stage

    stage = read_stage(PROJECT, name)
    enter(stage, os.environ)
    return stage


@contextmanager
def with_settings_of(name: str | None) -> Iterator[None]:
    """Work with the settings of that stage in ``.chalice/config.json``; without one, the environment's.

    Raises as ``read_stage`` does.
    """
    from chalicelib import bootstrap

    settings = None if name is None else deployable_stage(name).settings
    with bootstrap.use(settings=settings):
        yield
