"""Task groups: tasks that are put in order together and whose ids carry the group's."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chalicelib.authoring.exceptions import AirflowException, DuplicateTaskIdFound
from chalicelib.authoring.model import dag_context
from chalicelib.authoring.model.dependencies import DependencyMixin
from chalicelib.authoring.model.rules import validate_group_id

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator
    from chalicelib.authoring.model.dag import DAG


class TaskGroup(DependencyMixin):
    """A group of tasks; its members' ids are ``group.task``, or bare if ``prefix_group_id`` is false.

    ``group_id`` is None only for the group that every DAG has at its root. Raises ``AirflowException``,
    ``TypeError`` or ``ValueError`` for what is no id of a group, ``DuplicateTaskIdFound`` for an id that is
    taken.
    """

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: "TaskGroup | None" = None,
        dag: "DAG | None" = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
    ) -> None:
        self.dag: DAG | None = dag or (parent_group.dag if parent_group else dag_context.current_dag())
        self.tooltip = tooltip
        self.ui_color = ui_color
        self.ui_fgcolor = ui_fgcolor
        self.prefix_group_id = prefix_group_id
        self.children: dict[str, BaseOperator | TaskGroup] = {}
        self.parent_group = parent_group
        self.group_id = group_id
        self.label = group_id
        self.default_args = dict(default_args or {})
        if group_id is not None:
            validate_group_id(group_id, is_prefix=prefix_group_id)
            self._join_parent(group_id, add_suffix_on_collision)

    def _join_parent(self, group_id: str, add_suffix_on_collision: bool) -> None:
        """Take an id and a place in the group around.

        As in Airflow the id is looked for among all ids of the DAG before the parent's prefix is put
        before it.
        """
        if self.dag is None:
            raise AirflowException("TaskGroup can only be used inside a dag")
        parent = self.parent_group or dag_context.current_group(self.dag) or self.dag.task_group
        if self.dag.has_member(group_id) and not add_suffix_on_collision:
            raise DuplicateTaskIdFound(f"group_id '{group_id}' has already been added to the DAG")
        self.label = unused_id(group_id, self.dag)
        self.group_id = parent.child_id(self.label)
        if self.dag.has_member(self.group_id):
            raise DuplicateTaskIdFound(f"Task Group id '{self.group_id}' has already been added to the DAG")
        self.parent_group = parent
        self.default_args = {**parent.default_args, **self.default_args}
        parent.children[self.group_id] = self
        self.dag.add_group(self)

    @property
    def group_around(self) -> "TaskGroup | None":
        """The group that it stands in."""
        return self.parent_group

    @property
    def beside_label(self) -> "TaskGroup":
        """The group around, unless that is the DAG's root."""
        return self.parent_group if self.parent_group and self.parent_group.group_id else self

    @property
    def prefix(self) -> str:
        """What stands before the ids of the members; nothing, whatever is around, if its id is no prefix."""
        return f"{self.group_id}." if self.group_id is not None and self.prefix_group_id else ""

    def child_id(self, label: str) -> str:
        """The full id of a member."""
        return f"{self.prefix}{label}"

    def add(self, task: "BaseOperator") -> None:
        """Take a task in."""
        self.children[task.task_id] = task

    def iter_tasks(self) -> Iterator["BaseOperator"]:
        """The tasks in it and in the groups inside it."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child.iter_tasks()
            else:
                yield child

    def __iter__(self) -> Iterator["BaseOperator"]:
        return self.iter_tasks()

    def has_task(self, task: "BaseOperator") -> bool:
        """Whether the task is in it, or in a group inside it."""
        return any(member is task for member in self.iter_tasks())

    def get_child_by_label(self, label: str) -> "BaseOperator | TaskGroup":
        """The task or group in it by its id without the prefix of this one; raises ``KeyError``."""
        return self.children[self.child_id(label)]

    @property
    def is_root(self) -> bool:
        """Whether it is the group that its DAG has at its root."""
        return self.group_id is None

    @property
    def roots(self) -> Sequence["BaseOperator"]:
        """Its tasks that come after none of its tasks."""
        members = {task.task_id: task for task in self.iter_tasks()}
        return [task for task in members.values() if not task.upstream_task_ids & members.keys()]

    @property
    def leaves(self) -> Sequence["BaseOperator"]:
        """Its tasks that come before none of its tasks.

        What follows a group does not wait for its teardowns: for a teardown stands what it comes after,
        as far as nothing else of the group comes after that.
        """
        members = {task.task_id: task for task in self.iter_tasks()}
        last = (task for task in members.values() if not task.downstream_task_ids & members.keys())
        found = (leaf for task in last for leaf in _but_teardowns(task, members))
        return list({leaf.task_id: leaf for leaf in found}.values())

    def get_roots(self) -> Iterator["BaseOperator"]:
        """Airflow's spelling of ``roots``."""
        return iter(self.roots)

    def get_leaves(self) -> Iterator["BaseOperator"]:
        """Airflow's spelling of ``leaves``."""
        return iter(self.leaves)

    def __enter__(self) -> Self:
        dag_context.enter_group(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        dag_context.leave_group()

    def __repr__(self) -> str:
        # As Airflow's prints, without the memory address: it is shown as an attribute of tasks.
        return "<airflow.utils.task_group.TaskGroup object>"


def _but_teardowns(task: "BaseOperator", members: Mapping[str, "BaseOperator"]) -> Iterator["BaseOperator"]:
    if not task.is_teardown:
        yield task
        return
    for task_id in sorted(task.upstream_task_ids & members.keys()):
        before = members[task_id]
        if before.is_teardown:
            yield from _but_teardowns(before, members)
        elif not before.is_setup and not _has_other_work_after(before, task, members):
            yield before


def _has_other_work_after(
    before: "BaseOperator", teardown: "BaseOperator", members: Mapping[str, "BaseOperator"]
) -> bool:
    after = before.downstream_task_ids & members.keys() - {teardown.task_id}
    return any(not members[task_id].is_teardown for task_id in after)


def unused_id(full_id: str, dag: "DAG") -> str:
    """The id, or if the DAG has it already, the id with the next free suffix: ``load__1``, ``load__2``..."""
    if not dag.has_member(full_id):
        return full_id
    core = re.split(r"__\d+\Z", full_id)[0]
    taken = (re.fullmatch(rf"{re.escape(core)}__(\d+)", member) for member in dag.member_ids())
    return f"{core}__{max((int(match.group(1)) for match in taken if match), default=0) + 1}"
