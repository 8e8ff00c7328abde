"""The common part of altering tasks or runs by hand: it is told first, asked about, then done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import click

from chalicelib.cli.arguments import confirm

Request = TypeVar("Request")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """What is said, ``{count}`` being the number of task instances."""

    nothing: str
    question: str
    done: str


def alter_after_asking(
    requests: Iterable[Request],
    tell: Callable[[Request], int],
    carry_out: Callable[[Request], object],
    wording: Wording,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Tell what would be altered by requests, ask, and carry them out; of a dry run only the first.

    ``tell`` prints the task instances of a request and says how many they are. Raises ``click.Abort``
    for a no.
    """
    wanted = list(requests)
    count = sum(tell(request) for request in wanted)
    if not count:
        click.echo(wording.nothing)
    if dry_run or not count:
        return
    confirm(wording.question.format(count=count), yes=yes)
    for request in wanted:
        carry_out(request)
    click.echo(wording.done.format(count=count))
