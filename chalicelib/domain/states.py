"""States of DAG runs and task instances, with Airflow's names, and what may follow what.

``docs/protocol.md`` shows the tables of moves as charts (``python -m tests.state_charts`` draws them anew).
"""

from collections.abc import Mapping
from enum import StrEnum


class DagRunState(StrEnum):
    """Where a DAG run stands."""

    QUEUED = "queued"
    """Created; waits for its DAG to be unpaused, for its time, for a place, or for its scheduling message."""
    RUNNING = "running"
    """Started; at least one task may still run."""
    SUCCESS = "success"
    """Over: every leaf ended in success or was skipped."""
    FAILED = "failed"
    """Over: at least one leaf failed or is upstream_failed."""

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self in (DagRunState.SUCCESS, DagRunState.FAILED)


class TaskInstanceState(StrEnum):
    """Where a task instance stands; ``None`` in Airflow (nothing happened yet) is the absence of one."""

    SCHEDULED = "scheduled"
    """Its dependencies are met; it waits for slots of its pool."""
    QUEUED = "queued"
    """It holds its slots; the message that runs it was sent or is about to be."""
    RUNNING = "running"
    """A worker holds its lease."""
    SUCCESS = "success"
    """Ended well."""
    FAILED = "failed"
    """Ended badly, with no tries left or by an exception that forbids more."""
    SKIPPED = "skipped"
    """Ended without work: by its own word, by a branch, or because its upstreams were skipped."""
    UPSTREAM_FAILED = "upstream_failed"
    """Ended without work: its trigger rule cannot be met any more."""
    UP_FOR_RETRY = "up_for_retry"
    """A try failed; the next one starts when the retry delay has passed."""
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    """A sensor that waits for its next poke, without slots; the same try goes on then."""
    DEFERRED = "deferred"
    """It waits for its trigger, without slots and without a process; the same try goes on then."""
    REMOVED = "removed"
    """Ended without work: the deployed DAG file has no such task any more."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to the task instance by itself."""
        return self in FINAL_STATES


FINAL_STATES = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)
"""States that count as an arrival at the successors."""

FAILURE_STATES = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})
"""Final states of a leaf that make its run fail."""

STATES_BY_HAND: frozenset[TaskInstanceState | None] = frozenset(
    {
        None,
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.REMOVED,
    }
)
"""What a task instance may become out of any state when it is cleared or marked by hand.

(Removed: it is beyond the length of what its task is mapped over since that was cleared.)
"""

LEGAL_MOVES: Mapping[TaskInstanceState | None, Mapping[TaskInstanceState, str]] = {
    None: {
        TaskInstanceState.SCHEDULED: "its trigger rule is met, its slots are not free",
        TaskInstanceState.QUEUED: "its trigger rule is met, its slots are taken",
        TaskInstanceState.SUCCESS: "it does nothing, so no worker is needed; or its run was marked success",
        TaskInstanceState.SKIPPED: (
            "its trigger rule or a branch skips it; or its run was ended, or stopped by a failure"
        ),
        TaskInstanceState.UPSTREAM_FAILED: "its trigger rule cannot be met any more",
    },
    TaskInstanceState.SCHEDULED: {
        TaskInstanceState.QUEUED: "its slots are taken",
        TaskInstanceState.SKIPPED: "its run was ended, or stopped by a failure",
        TaskInstanceState.SUCCESS: "its run was marked success",
    },
    TaskInstanceState.QUEUED: {
        TaskInstanceState.RUNNING: "a worker has claimed it",
        TaskInstanceState.SKIPPED: "its run was ended, or stopped by a failure",
        TaskInstanceState.SUCCESS: "its run was marked success",
        TaskInstanceState.REMOVED: "its DAG was deleted",
    },
    TaskInstanceState.RUNNING: {
        TaskInstanceState.SUCCESS: "its try ended well; or its run was marked success",
        TaskInstanceState.FAILED: (
            "its try failed, and there is no further one; or its run was cancelled, or stopped by a failure"
        ),
        TaskInstanceState.SKIPPED: "its try skipped it; or its run was ended",
        TaskInstanceState.UP_FOR_RETRY: "its try failed or was lost, and there is a further one",
        TaskInstanceState.UP_FOR_RESCHEDULE: "its poke was in vain (reschedule); or it asked to be run later",
        TaskInstanceState.DEFERRED: "it waits for a trigger",
        TaskInstanceState.SCHEDULED: (
            "put back after its claim: its DAG is paused or deleted, or max_active_tasks are at work"
        ),
        TaskInstanceState.QUEUED: "put back after its claim: the store refused before user code began",
        TaskInstanceState.REMOVED: "the deployed DAG file has no such task any more; or its DAG was deleted",
    },
    TaskInstanceState.UP_FOR_RETRY: {
        TaskInstanceState.SCHEDULED: "its retry delay has passed, its slots are not free",
        TaskInstanceState.QUEUED: "its retry delay has passed, its slots are taken",
        TaskInstanceState.SKIPPED: "its run was ended, or stopped by a failure",
        TaskInstanceState.SUCCESS: "its run was marked success",
    },
    TaskInstanceState.UP_FOR_RESCHEDULE: {
        TaskInstanceState.SCHEDULED: "its next poke is due, its slots are not free",
        TaskInstanceState.QUEUED: "its next poke is due, its slots are taken",
        TaskInstanceState.SKIPPED: "its run was ended, or stopped by a failure",
        TaskInstanceState.FAILED: "its run was cancelled",
        TaskInstanceState.SUCCESS: "its run was marked success",
    },
    TaskInstanceState.DEFERRED: {
        TaskInstanceState.SCHEDULED: "its trigger has fired or failed, or its time is over",
        TaskInstanceState.SUCCESS: "its trigger ended it; or its run was marked success",
        TaskInstanceState.FAILED: "its trigger ended it; or its run was cancelled",
        TaskInstanceState.SKIPPED: "its trigger ended it; or its run was ended, or stopped by a failure",
    },
    **{state: {} for state in FINAL_STATES},
}
"""Which state may follow which, and when; nothing leaves a final state by itself."""

LEGAL_RUN_MOVES: Mapping[DagRunState | None, Mapping[DagRunState, str]] = {
    None: {DagRunState.QUEUED: "created"},
    DagRunState.QUEUED: {
        DagRunState.RUNNING: "its DAG is not paused, its execution date has come, max_active_runs has room",
        DagRunState.FAILED: "its DAG's own timetable gave it no data interval",
    },
    DagRunState.RUNNING: {
        DagRunState.SUCCESS: "every task has ended, and no leaf failed",
        DagRunState.FAILED: "every task has ended, and a leaf failed; or dagrun_timeout has passed",
        DagRunState.QUEUED: "it gives way to an earlier run, for which its tasks wait",
    },
    DagRunState.SUCCESS: {},
    DagRunState.FAILED: {},
}
"""Which state of a run may follow which, and when, as long as nothing is altered by hand."""

RUN_MOVES_BY_HAND: Mapping[DagRunState, Mapping[DagRunState, str]] = {
    DagRunState.QUEUED: {DagRunState.SUCCESS: "marked success", DagRunState.FAILED: "cancelled"},
    DagRunState.RUNNING: {DagRunState.SUCCESS: "marked success", DagRunState.FAILED: "cancelled"},
    DagRunState.SUCCESS: {DagRunState.QUEUED: "tasks of it were cleared", DagRunState.FAILED: "cancelled"},
    DagRunState.FAILED: {
        DagRunState.QUEUED: "tasks of it were cleared",
        DagRunState.SUCCESS: "marked success",
    },
}
"""What else a run may become when it, or a task of it, is cleared, marked or cancelled."""
