"""What commands print: rows as people or programs like them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

FORMATS = ("table", "json", "plain")

Row = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])

output_option: Callable[[Command], Command] = click.option(
    "--output", "-o", type=click.Choice(FORMATS), default="table", show_default=True, help="Output format."
)
"""Airflow's ``-o``, without its ``yaml``."""


def show(rows: Sequence[Row], output: str) -> None:
    """Print rows that have the same keys: as a table, the same without a frame, or as a JSON list."""
    if output == "json":
        click.echo(json.dumps(rows, default=str))
    elif not rows:
        click.echo("No data found")
    else:
        lines = [[_cell(value) for value in row.values()] for row in rows]
        click.echo(table([*rows[0]], lines) if output == "table" else plain([*rows[0]], lines))


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns under their titles, as Airflow draws them."""
    widths = _widths([titles, *lines])
    drawn = [" | ".join(_padded(line, widths)).rstrip() for line in (titles, *lines)]
    rule = "+".join("=" * (width + 2) for width in widths)[1:-1]
    return "\n".join([drawn[0], rule, *drawn[1:]])


def plain(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns that stand below each other, for ``awk`` and its like."""
    widths = _widths([titles, *lines])
    return "\n".join("  ".join(_padded(line, widths)).rstrip() for line in (titles, *lines))


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict | list | bool) else " ".join(str(value).split())
