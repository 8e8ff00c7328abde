"""Results of a run, as a test sees them: states, tries, XComs, logs, and all that in words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

NOT_MAPPED = -1

_LINES_OF_A_LOG = 25
_FAILED = frozenset({"failed", "up_for_retry"})


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One task instance at the end of a run."""

    task_id: str
    map_index: int
    """-1: it is not mapped."""
    state: str | None
    """None: nothing has happened to it."""
    tries: int
    """How many there were."""
    start_date: datetime | None
    end_date: datetime | None
    logs: tuple[str, ...]
    """What its tries logged, one text each, in order; of a sensor one for each time that it was looked at."""
    pull: Callable[[str], Any] = field(repr=False)

    @property
    def log(self) -> str:
        """All that it logged."""
        return "".join(self.logs)

    def xcom(self, key: str = "return_value") -> Any:
        """What it pushed, as a task would pull it; None if nothing."""
        return self.pull(key)

    @property
    def name(self) -> str:
        """Its id, with the map index if it has one: ``load[2]``."""
        return self.task_id if self.map_index == NOT_MAPPED else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True, kw_only=True)
class MappedResult:
    """All instances of a mapped task, by map index: a sequence."""

    task_id: str
    instances: tuple[TaskResult, ...]

    def __getitem__(self, map_index: int) -> TaskResult:
        return self.instances[map_index]

    def __len__(self) -> int:
        return len(self.instances)

    def __iter__(self) -> Iterator[TaskResult]:
        return iter(self.instances)

    @property
    def states(self) -> list[str | None]:
        """Their states."""
        return [instance.state for instance in self.instances]

    @property
    def tries(self) -> list[int]:
        """How many tries each had."""
        return [instance.tries for instance in self.instances]

    @property
    def log(self) -> str:
        """All that they logged."""
        return "".join(instance.log for instance in self.instances)

    def xcom(self, key: str = "return_value") -> list[Any]:
        """What each pushed."""
        return [instance.xcom(key) for instance in self.instances]


@dataclass(frozen=True, kw_only=True)
class CallbackCall:
    """One call of callbacks."""

    kind: str
    """``on_failure_callback`` and the like."""
    task_id: str | None
    """None: the DAG's."""
    log: str
    """What they printed."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A run at its end."""

    dag_id: str
    run_id: str
    execution_date: datetime
    state: str
    """``"success"`` or ``"failed"``."""
    instances: tuple[TaskResult, ...]
    """In topological order."""
    mapped: frozenset[str]
    """Ids of the tasks that have instances by map index."""
    callbacks: tuple[CallbackCall, ...]
    """In order."""
    duration: timedelta | None
    """On Airflow's clock, which jumps over what waits."""
    stuck: tuple[str, ...] = ()
    """What it waits for, if it is not over."""

    @property
    def states(self) -> dict[str, Any]:
        """The states of its tasks by task id; of a mapped task a list."""
        states: dict[str, Any] = {}
        for instance in self.instances:
            if instance.task_id in self.mapped:
                states.setdefault(instance.task_id, []).append(instance.state)
            else:
                states[instance.task_id] = instance.state
        return states

    def __getitem__(self, task_id: str) -> Any:
        """A task's result: a ``TaskResult``, or the ``MappedResult`` of one that is mapped."""
        found = tuple(instance for instance in self.instances if instance.task_id == task_id)
        if not found:
            known = ", ".join(dict.fromkeys(instance.task_id for instance in self.instances))
            raise KeyError(f"the run has no task {task_id}; it has: {known}")
        return MappedResult(task_id=task_id, instances=found) if task_id in self.mapped else found[0]

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """What a task pushed; of a mapped one a list."""
        return self[task_id].xcom(key)

    def assert_success(self) -> None:
        """Fail the test unless the run has succeeded."""
        __tracebackhide__ = True
        if self.state != "success":
            raise AssertionError(f"the run is {self.state}, not success")

    def assert_states(self, expected: Mapping[str, Any]) -> None:
        """Fail the test unless these tasks have these states (of a mapped one a list), whatever others."""
        __tracebackhide__ = True
        states = self.states
        wrong = [
            f"{name} is {states.get(name, 'no task of the run')}, not {wanted}"
            for name, wanted in expected.items()
            if name not in states or states[name] != wanted
        ]
        if wrong:
            raise AssertionError("; ".join(wrong))

    def lines(self) -> list[str]:
        """How the run and its tasks ended, and the end of what each failed one logged."""
        said = [f"Run {self.run_id} of {self.dag_id}: {self.state}"]
        said += [f"  {each.name}: {each.state}{_tries(each)}" for each in self.instances]
        said += [f"It does not go on: {line}" for line in self.stuck]
        for each in self.instances:
            if each.state in _FAILED:
                said += ["", f"--- {each.name} logged ---", *each.log.splitlines()[-_LINES_OF_A_LOG:]]
        return said


def _tries(instance: TaskResult) -> str:
    return f" ({instance.tries} tries)" if instance.tries > 1 else ""
