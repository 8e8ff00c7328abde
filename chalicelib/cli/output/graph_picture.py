"""A graph as a picture, drawn by Graphviz as Airflow's is: from left to right, each task in its colours.

Graphviz is the machine's: no package of Python brings all the libraries that it needs.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from chalicelib.cli.output.graph_text import notes
from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.settings import SettingError

FORMATS = ("svg", "png", "pdf", "dot")

_GROUP_COLOUR = "#6495ed7f"
"""Airflow's."""

_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])")


def drawn_as(graph: Graph, kind: str) -> bytes:
    """The picture as one of ``FORMATS``; ``dot`` is Graphviz's source, without a layout.

    Raises ``SettingError`` where Graphviz is missing, or where it fails.
    """
    source = "".join(f"{line}\n" for line in _source(graph)).encode()
    if kind == "dot":
        return source
    program = _program(kind)
    done = subprocess.run([program, f"-T{kind}"], input=source, capture_output=True, check=False)  # noqa: S603 - Graphviz, with a format of ours
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SettingError(f"{program} could not draw it: {said[-1] if said else 'it did not say why'}")
    return done.stdout


def _program(kind: str) -> str:
    dot = shutil.which("dot")
    if dot is None:
        raise SettingError(
            f"A picture as .{kind} needs Graphviz's program dot, which cannot be found:"
            " install it (Debian: apt-get install graphviz)"
        )
    return dot


def _source(graph: Graph) -> Iterator[str]:
    yield f"strict digraph {_quoted(graph.dag_id)} {{"
    yield f"\tgraph [label={_quoted(graph.dag_id)}, labelloc=t, rankdir=LR];"
    yield '\tnode [shape=rectangle, style="filled,rounded"];'
    yield from (f"\t{line}" for line in _nodes(list(graph.tasks.values())))
    for task in graph.tasks.values():
        for upstream in task.upstream:
            yield f"\t{_quoted(upstream)} -> {_quoted(task.task_id)};"
    yield "}"


def _nodes(tasks: Sequence[Task], depth: int = 0) -> Iterator[str]:
    """The tasks, those of a mapped group in a box of it; ``depth`` is the number of boxes around them all."""
    boxes: dict[str, list[Task]] = {}
    for task in tasks:
        groups = task.expansion.groups if task.expansion else ()
        if len(groups) > depth:
            boxes.setdefault(groups[depth].group_id, []).append(task)
        else:
            yield f"{_quoted(task.task_id)} [{', '.join(_look(task))}];"
    for group_id, inside in boxes.items():
        yield f"subgraph {_quoted(f'cluster_{group_id}')} {{"
        yield f'\tgraph [label={_quoted(group_id)}, style=filled, fillcolor="{_GROUP_COLOUR}"];'
        yield from (f"\t{line}" for line in _nodes(inside, depth + 1))
        yield "}"


def _look(task: Task) -> Iterator[str]:
    yield f"label={_quoted(task.task_id, ', '.join(notes(task)))}"
    yield f"color={_quoted(_colour(task, 'ui_fgcolor', '#000000'))}"
    yield f"fillcolor={_quoted(_colour(task, 'ui_color', '#ffffff'))}"


def _quoted(*lines: str) -> str:
    """Lines of text that Graphviz shows as they are: its own meanings of a backslash are taken away."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _colour(task: Task, attribute: str, default: str) -> str:
    """A colour as the operator's class has it; Graphviz does not know the short form ``#rgb``."""
    colour = task.attributes.get(attribute) or task.colours.get(attribute, default)
    return _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", colour) if _SHORT_COLOUR.fullmatch(colour) else colour
