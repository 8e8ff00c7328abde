"""The progress of long work: a bar under the lines that are told on a terminal, else only those lines."""

import sys
import time
from types import TracebackType

import click

_CLEAR_LINE = "\r\033[K"


class Progress:
    """A bar on standard error while the ``with`` block runs: so many of ``length``, and the seconds since.

    Where standard error is no terminal there is none, and programs read nothing of it.
    """

    def __init__(self, label: str, length: int) -> None:
        started = time.monotonic()
        self._is_shown = sys.stderr.isatty()
        self._bar = click.progressbar(
            range(length),
            label=label,
            show_eta=False,
            show_pos=True,
            item_show_func=lambda _: f"{time.monotonic() - started:.1f} s",
            file=sys.stderr,
            hidden=not self._is_shown,
        )

    def __enter__(self) -> "Progress":
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def reach(self, position: int, length: int | None = None) -> None:
        """Show that so many are done; ``length`` if they are more or fewer by now."""
        self._bar.length = length if length is not None else self._bar.length
        self._bar.update(position - self._bar.pos)
        self._bar.render_progress()

    def tell(self, line: str) -> None:
        """Print a line on standard output; the bar comes back below it when something is reached."""
        if self._is_shown:
            click.echo(_CLEAR_LINE, nl=False, err=True)
        click.echo(line)
