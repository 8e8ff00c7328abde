"""``task.output``: a task's XCom, used as an argument of another task before either has run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.exceptions import XComNotFound
from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.setup_teardown import SetupTeardownMixin
from chalicelib.authoring.notset import NOTSET

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator

XCOM_RETURN_KEY = "return_value"
"""The key under which a task's return value is pushed."""


class XComArg(SetupTeardownMixin):
    """The value that ``operator`` pushes under ``key``; using it as an argument makes the dependency."""

    def __init__(self, operator: "BaseOperator", key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """The task."""
        return [self.operator]

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """The task."""
        return [self.operator]

    def __getitem__(self, key: str) -> "XComArg":
        """The value of one key of a task with multiple outputs."""
        if not isinstance(key, str):
            raise ValueError(f"XComArg only supports str lookup, received {type(key).__name__}")
        return XComArg(self.operator, key)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("'XComArg' object is not iterable")

    def __str__(self) -> str:
        """The template that pulls the value: an output may stand inside an f-string."""
        dag = self.operator.dag_or_none
        dag_part = f"dag_id='{dag.dag_id}', " if dag is not None else ""
        pull = f"task_instance.xcom_pull(task_ids='{self.operator.task_id}', {dag_part}key='{self.key}')"
        return "{{ " + pull + " }}"

    def __repr__(self) -> str:
        if self.key == XCOM_RETURN_KEY:
            return f"XComArg({self.operator!r})"
        return f"XComArg({self.operator!r}, {self.key!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, XComArg):
            return NotImplemented
        return self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value pushed in this run.

        None for a return value that was not pushed, and for a missing key of a task with multiple
        outputs; raises ``XComNotFound`` for any other missing key.
        """
        ti = context["ti"]
        value = ti.xcom_pull(task_ids=self.operator.task_id, key=self.key, default=NOTSET)
        if value is not NOTSET:
            return value
        if self.key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(
            f'XComArg result from {self.operator.task_id} at {ti.dag_id} with key="{self.key}" is not found!'
        )


def xcom_args_in(value: Any) -> Iterator[XComArg]:
    """The XComArgs in a value: in lists, tuples, sets, dicts and objects with ``template_fields``."""
    if isinstance(value, XComArg):
        yield value
    elif isinstance(value, str):
        return
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from xcom_args_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from xcom_args_in(item)
    elif not isinstance(value, DependencyMixin | type) and hasattr(value, "template_fields"):
        for name in value.template_fields:
            yield from xcom_args_in(getattr(value, name, None))
