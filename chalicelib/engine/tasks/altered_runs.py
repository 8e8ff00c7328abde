"""``max_active_tasks`` in runs whose tasks were altered by hand, where otherwise the DAG's shape keeps it.

A task that is cleared while others after it are at work runs beside them, which the shape alone would never
allow. So such a run is noted with its DAG, which every worker reads anyway before it runs user code, and
there each try looks who else is at work. It looks after it was claimed: of two that are claimed at the same
moment, the later one sees the other, so that never more of them run than may.
"""

from dataclasses import dataclass

from chalicelib.domain.messages import RescueRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.notes import CROWDING
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.tasks.advance import RunInProgress


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """The tries of a run beside which no other may run, and why."""

    at_work: tuple[TaskInstance, ...]
    reason: str


def crowd_around(progress: RunInProgress, dag: Dag, item: TaskInstance) -> Crowd | None:
    """What keeps a try from running that was claimed already; 0 requests unless its run was altered.

    Else 1 per MB of the run's task instances.
    """
    share = progress.graph.share_of_run
    if share is None or not dag.is_altered(item.run_uid):
        return None
    at_work = tuple(
        other
        for other in progress.engine.items(item.run_uid).begun()
        if other.key != item.key and other.state is TaskInstanceState.RUNNING
    )
    return Crowd(at_work=at_work, reason=share.text) if len(at_work) >= share.tasks else None


def wait_for_one_of(progress: RunInProgress, crowd: Crowd) -> None:
    """Have the run looked after when a try of the crowd ends, or now if one has; 1 request for each."""
    tasks, run_uid = progress.engine.store.task_instances, progress.facts.ref.run_uid
    noted = [tasks.arrive(run_uid, other.key, {CROWDING: 0}).item for other in crowd.at_work]
    if any(other.state is not TaskInstanceState.RUNNING for other in noted):
        progress.outbox.post(RescueRun.of(progress.facts.ref))
