"""A graph as a picture, drawn by Graphviz as Airflow's is: from left to right, each task in its colours.

The wheels of pygraphviz bring Graphviz along, so that nothing has to be installed for it. They are not there
for every machine, so nothing else may need pygraphviz.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.cli.output.graph_text import notes
from chalicelib.domain.graph import Graph, Task
from chalicelib.settings import SettingError

if TYPE_CHECKING:
    import pygraphviz

FORMATS = ("svg", "png", "pdf", "dot")

_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])")


def drawn_as(graph: Graph, kind: str) -> bytes:
    """The picture as one of ``FORMATS``; ``dot`` is Graphviz's source, without a layout.

    Raises ``SettingError`` without pygraphviz.
    """
    picture = _picture(graph)
    if kind == "dot":
        source: str = picture.to_string()
        return source.encode()
    with _own_messages():
        drawing: bytes = picture.draw(format=kind, prog="dot")
    return drawing


def _picture(graph: Graph) -> "pygraphviz.AGraph":
    try:
        import pygraphviz
    except ImportError as error:
        raise SettingError(
            f"Pictures need pygraphviz ({error}): install Graphviz, then '.venv/bin/pip install pygraphviz'"
        ) from error

    picture = pygraphviz.AGraph(
        name=graph.dag_id, directed=True, rankdir="LR", labelloc="t", label=_literal(graph.dag_id)
    )
    for task in graph.tasks.values():
        picture.add_node(
            task.task_id,
            label="\\n".join(map(_literal, (task.task_id, ", ".join(notes(task))))),
            shape="rectangle",
            style="filled,rounded",
            color=_colour(task, "ui_fgcolor", "#000000"),
            fillcolor=_colour(task, "ui_color", "#ffffff"),
        )
    for task in graph.tasks.values():
        picture.add_edges_from((upstream, task.task_id) for upstream in task.upstream)
    return picture


def _literal(text: str) -> str:
    """A text that Graphviz shows as it is: in labels a backslash has a meaning."""
    return text.replace("\\", "\\\\")


def _colour(task: Task, attribute: str, default: str) -> str:
    """A colour as the operator's class has it; Graphviz does not know the short form ``#rgb``."""
    colour = task.attributes.get(attribute, default)
    return _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", colour) if _SHORT_COLOUR.fullmatch(colour) else colour


@contextmanager
def _own_messages() -> Iterator[None]:
    """Keep off the terminal what C libraries write there by themselves (of the machine's fonts, mostly)."""
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with tempfile.TemporaryFile() as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
