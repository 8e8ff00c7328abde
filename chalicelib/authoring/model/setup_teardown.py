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
        """Take a task in that was made before.

        Raises ``AirflowException`` outside of a ``with``, ``TypeError`` for a group.
        """
        scopes = _scopes.get()
        if scopes is None or not scopes.is_open:
            raise AirflowException("Cannot add task to context outside the context manager.")
        if not isinstance(task, SetupTeardownMixin):
            raise TypeError(f"Only tasks can be added to a context, not {type(task).__name__}")
        scopes.join(task.roots[0])


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


Tasks = tuple["BaseOperator", ...]


@dataclass
class _Nested:
    """Tasks of one kind that scopes are of, or that stand across from those: the innermost, and those around.

    As in Airflow nothing is kept of a scope that is entered where the same tasks are the innermost, or none.
    """

    innermost: Tasks = ()
    around: list[Tasks] = field(default_factory=list)

    def enter(self, tasks: Tasks) -> None:
        """Make these the innermost."""
        if self.innermost and self.innermost != tasks:
            self.around.append(self.innermost)
        self.innermost = tasks

    def leave(self) -> tuple[Tasks, Tasks]:
        """Let go of the innermost; it, and what is the innermost then."""
        left, self.innermost = self.innermost, self.around.pop() if self.around else ()
        return left, self.innermost


@dataclass
class _Scopes:
    """The code inside the ``with`` of setups and teardowns, as Airflow keeps book of it.

    Each scope is of setups or of teardowns; across from it stand the teardowns or setups that are nearest to
    the first of these in the graph. The end of a scope ends all that is innermost, of either kind.
    """

    setups: _Nested = field(default_factory=_Nested)
    teardowns: _Nested = field(default_factory=_Nested)
    setups_across: _Nested = field(default_factory=_Nested)
    teardowns_across: _Nested = field(default_factory=_Nested)
    members: dict[Tasks, list["BaseOperator"]] = field(default_factory=dict)
    """The tasks that were made inside, by what they are inside of."""
    is_open: bool = False
    """Whether tasks that are made join; not any more once an inner scope has ended."""

    def enter(self, tasks: Tasks) -> None:
        """Begin a scope."""
        first = tasks[0]
        if first.is_teardown:
            self.teardowns.enter(tasks)
            self.setups_across.enter(_nearest(first, _before(first), lambda task: task.is_setup))
        else:
            self.setups.enter(tasks)
            self.teardowns_across.enter(_nearest(first, _after(first), lambda task: task.is_teardown))
        self.is_open = True

    def join(self, task: "BaseOperator") -> None:
        """Take a task in, unless it is a setup or teardown."""
        if task.is_setup or task.is_teardown:
            return
        for around in (self.setups.innermost, self.teardowns.innermost):
            if around:
                self.members.setdefault(around, []).append(task)

    def leave(self, *, failed: bool) -> None:
        """End a scope: put its tasks between its setups and teardowns, and these into the outer ones."""
        if not failed:
            self._put_between()
        self.members.pop(self.setups.innermost, None)
        self.members.pop(self.teardowns.innermost, None)
        for nested, is_of_setups in (
            (self.setups, True),
            (self.teardowns, False),
            (self.teardowns_across, False),
            (self.setups_across, True),
        ):
            inner, outer = nested.leave()
            if not failed:
                _connect_all(*((outer, inner) if is_of_setups else (inner, outer)))
        self.is_open = False

    def _put_between(self) -> None:
        setups, teardowns = self.setups.innermost, self.teardowns.innermost
        if work := self._work_inside(setups):
            _connect_all(setups, _first(work))
            _connect_all(teardowns or _last(work), self.teardowns_across.innermost)
        if work := self._work_inside(teardowns):
            _connect_all(_last(work), teardowns)
            _connect_all(self.setups_across.innermost, setups or _first(work))

    def _work_inside(self, around: Tasks) -> list["BaseOperator"]:
        """What is inside and did not become a setup or teardown meanwhile."""
        return [task for task in self.members.get(around, ()) if not task.is_setup and not task.is_teardown]


_scopes: ContextVar[_Scopes | None] = ContextVar("scopes", default=None)


def _innermost_scopes() -> _Scopes:
    scopes = _scopes.get()
    if scopes is None:
        scopes = _Scopes()
        _scopes.set(scopes)
    return scopes


def enter(tasks: Sequence["BaseOperator"]) -> None:
    """Begin the scope of setups or of teardowns; across from it stands what is nearest in the graph.

    Raises ``AirflowException`` for a task that is neither, ``ValueError`` for a mixture.
    """
    if not all(task.is_setup or task.is_teardown for task in tasks):
        raise AirflowException("Only setup/teardown tasks can be used as context managers.")
    if len({task.is_setup for task in tasks}) > 1:
        raise ValueError("All tasks in the list must be either setup or teardown tasks")
    _innermost_scopes().enter(tuple(tasks))


def join_scope(task: "BaseOperator") -> None:
    """Tell the innermost scope, if there is one, of a task that was made in it."""
    scopes = _scopes.get()
    if scopes is not None and scopes.is_open:
        scopes.join(task)


def leave(*, failed: bool) -> None:
    """End the innermost scope; one that an error ends puts nothing in order."""
    _innermost_scopes().leave(failed=failed)


def _first(work: Sequence["BaseOperator"]) -> Sequence["BaseOperator"]:
    """What comes after nothing, or if there is none of that, what was made first."""
    return [task for task in work if not task.upstream_task_ids] or work[:1]


def _last(work: Sequence["BaseOperator"]) -> Sequence["BaseOperator"]:
    """What comes before nothing, or if there is none of that, what was made last."""
    return [task for task in work if not task.downstream_task_ids] or work[-1:]


def _connect_all(upstream: Iterable["BaseOperator"], downstream: Sequence["BaseOperator"]) -> None:
    for before in upstream:
        for after in downstream:
            if before is not after:
                connect(before, after)


def _nearest(
    task: "BaseOperator", around: Sequence["BaseOperator"], is_wanted: Callable[["BaseOperator"], bool]
) -> Tasks:
    """The nearest tasks of a kind: among these, else among their neighbours, and so on."""
    seen = {task.task_id}
    while around:
        found = tuple(near for near in around if is_wanted(near))
        if found:
            return found
        seen |= {near.task_id for near in around}
        neighbours = [far for near in around for far in (*_after(near), *_before(near))]
        around = list({far.task_id: far for far in neighbours if far.task_id not in seen}.values())
    return ()


def _after(task: "BaseOperator") -> list["BaseOperator"]:
    return task.downstream_list if task.downstream_task_ids else []


def _before(task: "BaseOperator") -> list["BaseOperator"]:
    return task.upstream_list if task.upstream_task_ids else []
