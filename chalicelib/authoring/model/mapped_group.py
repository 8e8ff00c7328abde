"""Mapped task groups: what ``@task_group`` functions make when they are expanded."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.model.expand_input import ExpandInput
from chalicelib.authoring.model.rules import TriggerRule
from chalicelib.authoring.model.task_group import TaskGroup

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator


class MappedTaskGroup(TaskGroup):
    """A task group whose tasks have an instance for each item of what it is mapped over.

    Leaving it puts it after what it is mapped over. Where its order is set, a task of its own with the
    rule ``always`` raises ``ValueError``, as in Airflow.
    """

    def __init__(self, *, expand_input: ExpandInput, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expand_input = expand_input
        self.length = expand_input.length

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """As of any group."""
        self._check_rules()
        return super().roots

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """As of any group."""
        self._check_rules()
        return super().leaves

    def _check_rules(self) -> None:
        for child in self.children.values():
            if not isinstance(child, TaskGroup) and child.trigger_rule == TriggerRule.ALWAYS:
                raise ValueError(
                    "Task-generated mapping within a mapped task group is not allowed "
                    "with trigger rule 'always'"
                )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            for operator, _ in self.expand_input.iter_references():
                self.set_upstream(operator)
        super().__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return "<airflow.utils.task_group.MappedTaskGroup object>"


def mapped_groups_around(group: TaskGroup | None) -> Iterator[MappedTaskGroup]:
    """The mapped groups that a group stands in, itself included, innermost first."""
    while group is not None:
        if isinstance(group, MappedTaskGroup):
            yield group
        group = group.parent_group
