"""A graph as lines of text."""

from collections.abc import Iterator

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.trigger_rules import TriggerRule


def drawn(graph: Graph) -> list[str]:
    """The tasks as a tree: each under every task that it follows, its own successors once only."""
    roots = [name for name, task in graph.tasks.items() if not task.upstream]
    seen: set[str] = set()
    lines = [f"<DAG: {graph.dag_id}>"]
    for root in roots:
        lines.extend(_branch(graph, root, 1, seen))
    return lines


def notes(task: Task) -> list[str]:
    """What a drawing says of a task beside its id: its operator, an unusual trigger rule, its mapping."""
    rule = [] if task.trigger_rule is TriggerRule.ALL_SUCCESS else [str(task.trigger_rule)]
    return [task.operator, *rule, *_mapped(task)]


def _mapped(task: Task) -> list[str]:
    if task.expansion is None:
        return []
    groups = task.expansion.groups
    return [f"mapped with {groups[-1].group_id}" if groups else "mapped"]


def _branch(graph: Graph, root: str, depth: int, seen: set[str]) -> Iterator[str]:
    pending = [(root, depth)]  # a stack of its own: a chain may be longer than Python's
    while pending:
        name, level = pending.pop()
        task = graph.tasks[name]
        is_known = name in seen and bool(task.downstream)
        yield f"{'    ' * level}{name} ({', '.join(notes(task))}){' …' if is_known else ''}"
        if not is_known:
            pending.extend((successor, level + 1) for successor in reversed(task.downstream))
        seen.add(name)
