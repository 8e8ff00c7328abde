"""States of DAG runs and task instances, with Airflow's names, and what may follow what."""

from enum import StrEnum


class DagRunState(StrEnum):
    """Where a DAG run stands."""

    QUEUED = "queued"
    """Created; waits for its DAG to be unpaused, for its time, or for its scheduling message."""
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
    {None, TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED}
)
"""What a task instance may become out of any state when it is cleared or marked by hand."""

LEGAL_MOVES: dict[TaskInstanceState | None, frozenset[TaskInstanceState]] = {
    None: frozenset(
        {
            TaskInstanceState.SCHEDULED,
            TaskInstanceState.QUEUED,
            TaskInstanceState.SUCCESS,  # tasks that do nothing are not sent to a worker
            TaskInstanceState.SKIPPED,
            TaskInstanceState.UPSTREAM_FAILED,
            TaskInstanceState.REMOVED,
        }
    ),
    TaskInstanceState.SCHEDULED: frozenset(
        {
            TaskInstanceState.QUEUED,
            TaskInstanceState.SKIPPED,
            TaskInstanceState.SUCCESS,  # its run was marked as one
            TaskInstanceState.REMOVED,
        }
    ),
    TaskInstanceState.QUEUED: frozenset(
        {
            TaskInstanceState.RUNNING,
            TaskInstanceState.SKIPPED,
            TaskInstanceState.SUCCESS,  # its run was marked as one
            TaskInstanceState.REMOVED,
        }
    ),
    TaskInstanceState.RUNNING: frozenset(
        {
            TaskInstanceState.SUCCESS,
            TaskInstanceState.FAILED,
            TaskInstanceState.SKIPPED,
            TaskInstanceState.UP_FOR_RETRY,
            TaskInstanceState.UP_FOR_RESCHEDULE,
            TaskInstanceState.SCHEDULED,  # its DAG was paused between the message and the claim
            TaskInstanceState.QUEUED,  # the store failed between the claim and the user's code
            TaskInstanceState.REMOVED,
        }
    ),
    TaskInstanceState.UP_FOR_RETRY: frozenset(
        {
            TaskInstanceState.SCHEDULED,
            TaskInstanceState.QUEUED,
            TaskInstanceState.SKIPPED,  # its run was ended
            TaskInstanceState.SUCCESS,  # its run was marked as one
        }
    ),
    TaskInstanceState.UP_FOR_RESCHEDULE: frozenset(
        {
            TaskInstanceState.SCHEDULED,
            TaskInstanceState.QUEUED,
            TaskInstanceState.SKIPPED,  # its run was ended
            TaskInstanceState.FAILED,  # its run was cancelled
            TaskInstanceState.SUCCESS,  # its run was marked as one
        }
    ),
    **{state: frozenset() for state in FINAL_STATES},
}
"""Which state may follow which; nothing leaves a final state by itself."""
