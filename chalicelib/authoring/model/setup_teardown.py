"""Setup and teardown tasks: how tasks are marked, and ``with teardown:``, which puts tasks between them."""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.model.dependencies import DependencyMixin, connect
from chalicelib.authoring.model.rules import TriggerRule
from chalicelib.authoring.notset import NOTSET

if TYPE_CHECKING:
    from chalicelib.authoring.model.baseoperator import BaseOperator


@dataclass
class Role:
    """What a task is to others."""

    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False


class SetupTeardownMixin(DependencyMixin):
    """A task or its output: may be marked as setup or teardown, and then entered by ``with``."""

    @property
    def _task(self) -> "BaseOperator":
        (task,) = self.roots
        return task

    @property
    def is_setup(self) -> bool:
        """Whether the task prepares what others need; setting it raises ``ValueError`` for a teardown."""
        return self._task.setup_teardown_role.is_setup

    @is_setup.setter
    def is_setup(self, value: bool) -> None:
        if value and self.is_teardown:
            raise ValueError(f"Cannot mark task '{self._task.task_id}' as setup; task is already a teardown.")
        self._task.setup_teardown_role.is_setup = value

    @property
    def is_teardown(self) -> bool:
        """Whether the task cleans up after others; setting it raises ``ValueError`` for a setup."""
        return self._task.setup_teardown_role.is_teardown

    @is_teardown.setter
    def is_teardown(self, value: bool) -> None:
        if value and self.is_setup:
            raise ValueError(f"Cannot mark task '{self._task.task_id}' as teardown; task is already a setup.")
        self._task.setup_teardown_role.is_teardown = value

    @property
    def on_failure_fail_dagrun(self) -> bool:
        """Whether the run fails with this teardown; setting it raises ``ValueError`` for other tasks."""
        return self._task.setup_teardown_role.on_failure_fail_dagrun

    @on_failure_fail_dagrun.setter
    def on_failure_fail_dagrun(self, value: bool) -> None:
        if value and not self.is_teardown:
            raise ValueError(
                f"Cannot set task on_failure_fail_dagrun for '{self._task.task_id}' "
                "because it is not a teardown task."
            )
        self._task.setup_teardown_role.on_failure_fail_dagrun = value

    def as_setup(self) -> Self:
        """Mark the task as setup."""
        self.is_setup = True
        return self

    def as_teardown(self, *, setups: Any = NOTSET, on_failure_fail_dagrun: Any = NOTSET) -> Self:
        """Mark the task as teardown, and as that of certain setups: a task or several."""
        self.is_teardown = True
        self._task.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not NOTSET:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        if setups is not NOTSET:
            listed: Iterable[Any] = [setups] if isinstance(setups, DependencyMixin) else setups
            for setup in listed:
                setup.is_setup = True
                connect(setup, self)
        return self

    def __enter__(self) -> type["SetupTeardownContext"]:
        enter([self._task])
        return SetupTeardownContext

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave(failed=kind is not None)


class SetupTeardownContext:
    """What ``with teardown as context:`` gives."""

    @staticmethod
    def add_task(task: Any) -> None:
        """Take a task in that was made before; raises ``AirflowException`` outside of a ``with``."""
        if not _scopes.get():
            raise AirflowException("Cannot add task to context outside the context manager.")
        join_scope(task.roots[0])


class ContextWrapper(list[Any]):
    """Several setups, or several teardowns, to be entered together."""

    def __enter__(self) -> type[SetupTeardownContext]:
        enter([item.roots[0] for item in self])
        return SetupTeardownContext

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave(failed=kind is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scope:
    """The code inside a ``with``: what comes before and after the tasks that are made there."""

    setups: Sequence["BaseOperator"]
    teardowns: Sequence["BaseOperator"]
    tasks: list["BaseOperator"] = field(default_factory=list)


_scopes: ContextVar[tuple[_Scope, ...]] = ContextVar("scopes", default=())


def enter(tasks: Sequence["BaseOperator"]) -> None:
    """Begin the scope of setups or of teardowns; its other side is the nearest in the graph.

    Raises ``AirflowException`` for a task that is neither, ``ValueError`` for a mixture.
    """
    if not all(task.is_setup or task.is_teardown for task in tasks):
        raise AirflowException("Only setup/teardown tasks can be used as context managers.")
    if len({task.is_setup for task in tasks}) > 1:
        raise ValueError("All tasks in the list must be either setup or teardown tasks")
    first = tasks[0]
    if first.is_setup:
        teardowns = _nearest(first, _after(first), lambda task: task.is_teardown)
        scope = _Scope(setups=tasks, teardowns=teardowns)
    else:
        setups = _nearest(first, _before(first), lambda task: task.is_setup)
        scope = _Scope(setups=setups, teardowns=tasks)
    _scopes.set((*_scopes.get(), scope))


def join_scope(task: "BaseOperator") -> None:
    """Tell the innermost scope, if there is one, of a task that was made in it."""
    scopes = _scopes.get()
    if scopes:
        scopes[-1].tasks.append(task)


def leave(*, failed: bool) -> None:
    """End the innermost scope: put its tasks between its setups and teardowns, and it into the outer one."""
    *outer, scope = _scopes.get()
    _scopes.set(tuple(outer))
    if failed:
        return
    work = [task for task in scope.tasks if not task.is_setup and not task.is_teardown]
    if work:
        roots = [task for task in work if not task.upstream_task_ids] or work[:1]
        leaves = [task for task in work if not task.downstream_task_ids] or work[-1:]
        _connect_all(scope.setups, roots)
        _connect_all(leaves, scope.teardowns)
    if outer:
        _connect_all(outer[-1].setups, scope.setups)
        _connect_all(scope.teardowns, outer[-1].teardowns)


def _connect_all(upstream: Iterable["BaseOperator"], downstream: Sequence["BaseOperator"]) -> None:
    for before in upstream:
        for after in downstream:
            if before is not after:
                connect(before, after)


def _nearest(
    task: "BaseOperator", around: Sequence["BaseOperator"], is_wanted: Callable[["BaseOperator"], bool]
) -> list["BaseOperator"]:
    """The nearest tasks of a kind: among these, else among their neighbours, and so on."""
    seen = {task.task_id}
    while around:
        found = [near for near in around if is_wanted(near)]
        if found:
            return found
        seen |= {near.task_id for near in around}
        neighbours = [far for near in around for far in (*_after(near), *_before(near))]
        around = list({far.task_id: far for far in neighbours if far.task_id not in seen}.values())
    return []


def _after(task: "BaseOperator") -> list["BaseOperator"]:
    return task.downstream_list if task.downstream_task_ids else []


def _before(task: "BaseOperator") -> list["BaseOperator"]:
    return task.upstream_list if task.upstream_task_ids else []
