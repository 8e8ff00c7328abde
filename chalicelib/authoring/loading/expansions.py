"""``expansion``: what a task of a document is mapped over, read back by ``domain.graph.expansion``."""

from typing import Any

from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.mapped_group import MappedTaskGroup, mapped_groups_around
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.domain.graph.expansion import Concat, Length, Literal, OutputOf, Product, Zip


def expansion_of(task: BaseOperator) -> dict[str, Any] | None:
    """What a task is mapped over by itself or with the groups around it; None if it is not mapped."""
    if isinstance(task, MappedOperator):
        return {"own": _length(task.length)}
    groups = [[group.group_id, _length(group.length)] for group in mapped_groups_around(task.task_group)]
    if not groups:
        return None
    return {"groups": groups[::-1], "is_direct": isinstance(task.task_group, MappedTaskGroup)}


def _length(length: Length) -> dict[str, Any]:
    match length:
        case Literal(count=count):
            return {"literal": count}
        case OutputOf(task_id=task_id):
            return {"output": task_id}
        case Zip(parts=parts, longest=longest):
            return {"zip": list(map(_length, parts)), "longest": longest}
        case Concat(parts=parts):
            return {"concat": list(map(_length, parts))}
        case Product(parts=parts):
            return {"product": list(map(_length, parts))}
