"""Rows of a command's answer, for people (tables) or programs (JSON, YAML)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from chalicelib.domain.tasks.task_instances import TaskInstance

FORMATS = ("table", "json", "yaml", "plain")

FOR_PROGRAMS = frozenset({"json", "yaml"})
"""Formats in which nothing need be shortened."""

Row = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])

output_option: Callable[[Command], Command] = click.option(
    "--output", "-o", type=click.Choice(FORMATS), default="table", show_default=True, help="Output format."
)
"""Airflow's ``-o``."""

_COLOURS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "yellow",
    "queued": "yellow",
    "scheduled": "yellow",
    "up_for_retry": "yellow",
    "up_for_reschedule": "yellow",
    "deferred": "yellow",
}


def show(rows: Sequence[Row], output: str) -> None:
    """Print rows that have the same keys: as a table, the same without a frame, as JSON or as YAML.

    By Airflow's rule programs get texts, too (``'True'``, ``'128'``), inside of lists and dicts as well;
    only None is none. Airflow's tables say ``None``, and nothing where they are plain.
    """
    if output in FOR_PROGRAMS:
        click.echo(_document([_as_texts(row) for row in rows], output))
    elif not rows:
        click.echo("No data found")
    else:
        empty = "None" if output == "table" else ""
        lines = [[_cell(value, empty) for value in row.values()] for row in rows]
        click.echo(table([*rows[0]], lines) if output == "table" else plain([*rows[0]], lines))


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns under their titles, as Airflow draws them; states have their colour."""
    widths = _widths([titles, *lines])
    head = " | ".join(_padded(titles, widths)).rstrip()
    rule = "+".join("=" * (width + 2) for width in widths)[1:-1]
    drawn = [" | ".join(map(coloured, _padded(line, widths))).rstrip() for line in lines]
    return "\n".join([head, rule, *drawn])


def plain(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns that stand below each other, for ``awk`` and its like."""
    widths = _widths([titles, *lines])
    return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in (titles, *lines))


def tell_instances(before: str, items: "Iterable[TaskInstance]") -> None:
    """Print a line for each task instance: what stands before it, its name and its state."""
    for item in items:
        click.echo(f"{before}{item.name}: {coloured(str(item.state))}")


def coloured(text: str) -> str:
    """A text that is a state, with or without room around it, in its colour; any other as it is.

    ``click.echo`` takes the colour out again where the output is no terminal, or ``NO_COLOR`` is set.
    """
    colour = _COLOURS.get(text.strip())
    return click.style(text, fg=colour) if colour else text


def _document(rows: list[Any], output: str) -> str:
    if output == "json":
        return json.dumps(rows)
    import yaml

    text: str = yaml.safe_dump(rows)
    return text.rstrip("\n")


def _as_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _as_texts(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_texts(item) for item in value]
    return None if value is None else str(value)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]


def _cell(value: Any, empty: str) -> str:
    if value is None:
        return empty
    if isinstance(value, list | tuple):
        return ",".join(_cell(item, empty) for item in value)
    return " ".join(str(value).split())
