"""The operator of a task, as far as it tells what the task calls: facts without user code; pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorInUse:
    """A task of a DAG file and its operator."""

    dag_id: str
    task_id: str
    classes: tuple[str, ...]
    """The full names of its operator's class and of those above it, in the order of resolution."""
    arguments: dict[str, Any]
    """What of its attributes is JSON: texts with templates are as they were written."""
    unknown: tuple[str, ...] = ()
    """Attributes of other kinds: what another task returns, for instance."""
    callers: tuple[str, ...] = ()
    """Modules by which its Python code calls AWS."""
