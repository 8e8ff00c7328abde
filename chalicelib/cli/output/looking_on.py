"""A look at a run that is repeated until the run is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_INTERRUPTED = 130
"""What a shell makes of a program that Ctrl-C ended."""

interval_option: Callable[[Command], Command] = click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)


@contextmanager
def until_interrupted(goes_on: str = "") -> Iterator[None]:
    """Have Ctrl-C end the command, for nothing was broken off; ``goes_on`` says so on standard error."""
    try:
        yield
    except KeyboardInterrupt:
        if goes_on:
            click.echo(f"\n{goes_on}", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
