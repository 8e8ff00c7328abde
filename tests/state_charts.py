"""The state charts of ``docs/protocol.md``, made of the tables of moves in ``domain.states``.

``python -m tests.state_charts`` writes them into the page anew.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.domain.states import (
    LEGAL_MOVES,
    LEGAL_RUN_MOVES,
    RUN_MOVES_BY_HAND,
    STATES_BY_HAND,
    DagRunState,
    TaskInstanceState,
)

PAGE = Path(__file__).parents[1] / "docs" / "protocol.md"

COMMAND = "python -m tests.state_charts"

State = TaskInstanceState | DagRunState


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """An arrow of a chart; ``old`` None is the beginning."""

    old: State | None
    new: State
    when: str


def task_instance_chart() -> str:
    """The chart of task instances, and the table of their moves."""
    moves = [*_moves(LEGAL_MOVES)]
    new = sorted(state or "none" for state in STATES_BY_HAND)
    by_hand = f"| by hand | any | {', '.join(new[:-1])} or {new[-1]} | it is cleared or marked |"
    return "\n".join([*_chart(moves), "", *_table(moves), by_hand])


def dag_run_chart() -> str:
    """The chart of DAG runs, and the table of their moves."""
    by_hand = (
        Move(old=move.old, new=move.new, when=f"by hand: {move.when}") for move in _moves(RUN_MOVES_BY_HAND)
    )
    moves = [*_moves(LEGAL_RUN_MOVES), *by_hand]
    return "\n".join([*_chart(moves), "", *_table(moves)])


CHARTS = {"task instances": task_instance_chart, "DAG runs": dag_run_chart}
"""What makes each chart, by its name in the page."""


def chart_in(page: str, name: str) -> str:
    """The chart of that name as it stands in the page."""
    return _place(page, name)["chart"]


def renewed(page: str) -> str:
    """The page with the charts as they are to be."""
    for name, chart in CHARTS.items():
        begin, end = _place(page, name).span("chart")
        page = page[:begin] + chart() + page[end:]
    return page


def _place(page: str, name: str) -> re.Match[str]:
    pattern = rf"<!-- chart of {name} -->\n(?P<chart>.*?)\n<!-- end of chart -->"
    found = re.search(pattern, page, re.DOTALL)
    if found is None:
        raise ValueError(f"{PAGE.name} has no place for the chart of {name}")
    return found


def _moves(table: Mapping[Any, Mapping[Any, str]]) -> Iterator[Move]:
    for old, following in table.items():
        for new, when in following.items():
            yield Move(old=old, new=new, when=when)


def _chart(moves: list[Move]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for number, move in enumerate(moves, start=1):
        yield f"    {move.old or '[*]'} --> {move.new}: {number}"
    for state in dict.fromkeys(move.new for move in moves):
        if state.is_final:
            yield f"    {state} --> [*]"
    yield "```"


def _table(moves: list[Move]) -> Iterator[str]:
    yield "| move | from | to | when |"
    yield "|---|---|---|---|"
    for number, move in enumerate(moves, start=1):
        yield f"| {number} | {move.old or 'none'} | {move.new} | {move.when} |"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
