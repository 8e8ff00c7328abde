"""A graph as lines of text."""

from collections.abc import Iterator

from chalicelib.domain.graph import Graph
from chalicelib.domain.trigger_rules import TriggerRule


def drawn(graph: Graph) -> list[str]:
    """The tasks as a tree: each under every task that it follows, its own successors once only."""
    roots = [name for name, task in graph.tasks.items() if not task.upstream]
    seen: set[str] = set()
    lines = [f"<DAG: {graph.dag_id}>"]
    for root in roots:
        lines.extend(_branch(graph, root, 1, seen))
    return lines


def _branch(graph: Graph, root: str, depth: int, seen: set[str]) -> Iterator[str]:
    pending = [(root, depth)]  # a stack of its own: a chain may be longer than Python's
    while pending:
        name, level = pending.pop()
        task = graph.tasks[name]
        notes = [task.operator]
        if task.trigger_rule is not TriggerRule.ALL_SUCCESS:
            notes.append(str(task.trigger_rule))
        is_known = name in seen and bool(task.downstream)
        yield f"{'    ' * level}{name} ({', '.join(notes)}){' …' if is_known else ''}"
        if not is_known:
            pending.extend((successor, level + 1) for successor in reversed(task.downstream))
        seen.add(name)
