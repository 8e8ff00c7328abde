"""``OtherRuns``: what a running try may do with runs of other DAGs, and what it is told of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from chalicelib.domain.states import DagRunState, TaskInstanceState


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedRun:
    """A run that a task wants to be made."""

    dag_id: str
    execution_date: datetime
    """Aware."""
    run_id: str | None = None
    """None makes one up."""
    is_undated: bool = False
    """Whether the date is only now, for the task gave none."""
    conf: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherRun:
    """A run of any DAG, as it is now."""

    dag_id: str
    run_id: str
    execution_date: datetime
    state: DagRunState


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherDag:
    """A DAG that a deployed file defines."""

    dag_id: str
    is_paused: bool
    task_ids: frozenset[str]
    group_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedTasks:
    """Tasks of a DAG in its runs of certain dates; without any task and group the runs themselves."""

    dag_id: str
    execution_dates: tuple[datetime, ...]
    task_ids: tuple[str, ...] = ()
    group_id: str | None = None
    """All tasks of this group, and of those inside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStates:
    """How the instances of a task stand."""

    task_id: str
    states: tuple[TaskInstanceState, ...]
    """Those of the instances that have one."""
    undecided: int = 0
    """How many instances have none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedRun:
    """A run with the watched tasks that its DAG version has."""

    run: OtherRun
    tasks: tuple[TaskStates, ...]


class OtherRuns(Protocol):
    """Runs of all DAGs, for one try. All of it may raise ``StoreUnavailable``."""

    def trigger(self, wanted: WantedRun) -> OtherRun:
        """Make a run. The n-th call of a try makes it once, however often it is asked for.

        Raises ``DagNotFound``, ``DagRunAlreadyExists``, ``InvalidConf`` and ``InvalidRequest``, to user code
        the exceptions of Airflow that these are.
        """

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:
        """The run of that date, else the one of that id."""

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:
        """Let all tasks of a run, which may be over, run again, or those that failed."""

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:
        """The runs of these dates that there are, with how the tasks stand in them."""

    def dag(self, dag_id: str) -> OtherDag | None:
        """The DAG; None where no deployed file defines it."""


class NoOtherRuns:
    """Outside of a worker there are none."""

    def trigger(self, wanted: WantedRun) -> OtherRun:
        """Refused."""
        raise RuntimeError(f"no run of {wanted.dag_id} can be made here: the task is not run by a worker")

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:  # noqa: ARG002 - as above
        """None."""
        return None

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:  # noqa: ARG002 - as below
        """Refused."""
        raise RuntimeError(f"{run.run_id} cannot be cleared here: the task is not run by a worker")

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:  # noqa: ARG002 - as above
        """None."""
        return ()

    def dag(self, dag_id: str) -> OtherDag | None:  # noqa: ARG002 - as above
        """None."""
        return None
