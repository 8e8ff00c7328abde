"""Airflow's limits on what a DAG may run at once, kept as pools that no user sees.

A limit is a pool of its own: the same shards, holders and waiters, so that what was shown of pools
(never more given out than there is, nothing leaks) holds of limits, too. Their names begin with a
character that no pool of a user's can: Airflow's database takes no NUL in a text.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.runs.dag_runs import RunRef

_RESERVED = "\0"
_RUNS = f"{_RESERVED}runs/"
_TASKS = f"{_RESERVED}tasks/"
_TASK = f"{_RESERVED}task/"
_TASK_OF_RUN = f"{_RESERVED}task of run/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most so many at once of what its pool counts."""

    pool: str
    """The reserved name of the pool."""
    slots: int
    text: str
    """Says what is counted, for people."""
    is_of_run: bool = False
    """Whether each run has a pool of its own for it, whose name ends with that of the run."""

    def in_run(self, run_uid: str) -> "Limit":
        """The limit as it holds in a run."""
        return replace(self, pool=f"{self.pool}/{run_uid}") if self.is_of_run else self


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one run may use of a limit on the tasks of its DAG."""

    tasks: int
    """How many of its tasks may be at work at once."""
    text: str
    """Says what the limit is, for people."""


def is_reserved(pool: str) -> bool:
    """Whether a pool of this name is a limit, or would be taken for one."""
    return pool.startswith(_RESERVED)


def active_runs(dag_id: str, max_active_runs: int) -> Limit | None:
    """The limit on runs of a DAG that are ``running``; 0 is none, as in Airflow."""
    if max_active_runs < 1:
        return None
    text = f"at most {max_active_runs} runs of {dag_id} at once (max_active_runs)"
    return Limit(pool=_RUNS + dag_id, slots=max_active_runs, text=text)


def active_tasks(dag_id: str, max_active_tasks: int) -> Limit:
    """The limit on tasks of a DAG, in all its runs, that are ``queued`` or ``running``."""
    text = f"at most {max_active_tasks} tasks of {dag_id} at once (max_active_tasks)"
    return Limit(pool=_TASKS + dag_id, slots=max_active_tasks, text=text)


def share_of_run(limit: Limit, max_active_runs: int) -> Share:
    """What each run may use of a limit on tasks, so that all runs together keep it.

    ``max_active_runs`` is at least 1.
    """
    return Share(tasks=limit.slots // max_active_runs, text=limit.text)


def active_instances(dag_id: str, task_id: str, max_active_tis_per_dag: int) -> Limit:
    """The limit on instances of one task, in all runs of its DAG, that are ``queued`` or ``running``."""
    text = f"at most {max_active_tis_per_dag} of {task_id} at once (max_active_tis_per_dag)"
    return Limit(pool=f"{_TASK}{dag_id}/{task_id}", slots=max_active_tis_per_dag, text=text)


def active_instances_of_run(dag_id: str, task_id: str, max_active_tis_per_dagrun: int) -> Limit:
    """The limit on instances of one mapped task in each run that are ``queued`` or ``running``."""
    text = f"at most {max_active_tis_per_dagrun} of {task_id} at once in a run (max_active_tis_per_dagrun)"
    pool = f"{_TASK_OF_RUN}{dag_id}/{task_id}"
    return Limit(pool=pool, slots=max_active_tis_per_dagrun, text=text, is_of_run=True)


def run_holder(run: RunRef, clear_number: int) -> str:
    """The name under which a run holds its place among the active runs of its DAG.

    Another one once it was cleared after its end: what gives back the place of that end, late or twice,
    must not give away the one by which it goes on.
    """
    return f"{run.execution_date.isoformat()}/{run.run_uid}/{clear_number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunHolder:
    """A run that holds a place among the active ones, as of when it had been cleared so often."""

    dag_id: str
    execution_date: datetime
    run_uid: str
    clear_number: int


def parse_run_holder(pool: str, holder: str) -> RunHolder | None:
    """The run that holds a place; None if ``pool`` holds tries."""
    if not pool.startswith(_RUNS):
        return None
    date, run_uid, clear_number = holder.split("/")
    return RunHolder(
        dag_id=pool.removeprefix(_RUNS),
        execution_date=datetime.fromisoformat(date),
        run_uid=run_uid,
        clear_number=int(clear_number),
    )
