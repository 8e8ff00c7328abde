"""Commands that look on until something is over."""

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
def until_interrupted() -> Iterator[None]:
    """Have Ctrl-C end the command without a word, for nothing was broken off."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(_INTERRUPTED) from None
