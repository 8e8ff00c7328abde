"""The named checks between a run or a task and its start, each with a reason that a person can read.

The engine decides by these functions, and ``why`` shows them to a person who asks why something does not run.
Names are those of Airflow's task dependencies where it has them. All total.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.graph.graph import Graph, Task
from chalicelib.domain.graph.join import Join
from chalicelib.domain.graph.trigger_rules import Judgement, Verdict
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.slots.limits import Limit
from chalicelib.domain.slots.pools import PoolShard, plan_take
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.notes import Notes, ended_numbers
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance

_ENDED_WELL = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})

_NAMED_TASKS = 5
"""Tasks that a reason names; of more it says how many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A check by its name, whether it is passed, and why or why not."""

    name: str
    passed: bool
    reason: str


# -- runs --------------------------------------------------------------------------------------------


def dag_not_paused(dag: Dag, run_type: DagRunType) -> Check:
    """Whether the DAG's pause keeps a run of that type from going on."""
    by = f" by {dag.pause_changed_by}" if dag.pause_changed_by else ""
    passed = not dag.is_paused_for(run_type)
    if not dag.is_paused:
        reason = "the DAG is not paused"
    else:
        reason = f"the DAG is paused{by}" + (", which a backfill does not ask for" if passed else "")
    return Check(name="Dag Not Paused", passed=passed, reason=reason)


def execution_date_reached(execution_date: datetime, now: datetime) -> Check:
    """Whether the execution date is not in the future."""
    passed = execution_date <= now
    verb = "has come" if passed else "is in the future"
    return Check(name="Execution Date", passed=passed, reason=f"{execution_date.isoformat()} {verb}")


def dag_run_running(run: DagRun) -> Check:
    """Whether the run is in the state in which tasks start."""
    passed = run.state is DagRunState.RUNNING
    return Check(name="Dagrun Running", passed=passed, reason=f"the run is {run.state}")


def later_run_gives_way(run_id: str, *, gives_way: bool, reason: str) -> Check:
    """Whether a running run gives its place to the one before it, which is queued."""
    verb = "gives its place up" if gives_way else "keeps its place"
    return Check(name="Later Run Gives Way", passed=gives_way, reason=f"{run_id} {verb}: {reason}")


def unfinished_tasks(graph: Graph, items: RunItems) -> Check:
    """Whether every task has ended."""
    by_state: dict[str, list[str]] = {}
    for item in items.all_instances(graph.tasks.values()):
        if item.state is None or not item.state.is_final:
            by_state.setdefault(str(item.state or "not started"), []).append(item.name)
    listed = "; ".join(f"{state}: {named(tasks)}" for state, tasks in by_state.items())
    return Check(name="Tasks Ended", passed=not by_state, reason=listed or "every task has ended")


# -- task instances ----------------------------------------------------------------------------------


def task_state(item: TaskInstance) -> Check:
    """Whether the task instance has still to be started."""
    state = item.state
    passed = state in (None, TaskInstanceState.SCHEDULED, TaskInstanceState.UP_FOR_RETRY)
    details = [item.reason, *_of_deferral(item)] if item.reason else []
    detail = f" ({'; '.join(filter(None, details))})" if details else ""
    return Check(name="Task Instance State", passed=passed, reason=f"it is {state or 'not started'}{detail}")


def _of_deferral(item: TaskInstance) -> Iterator[str]:
    deferral = item.deferral
    if deferral is None or item.state is not TaskInstanceState.DEFERRED:
        return
    due_at = deferral.due_at.isoformat(timespec="seconds")
    yield f"which goes on at {due_at}" if item.is_between_windows else "which is at work"
    if deferral.timeout_at is not None:
        yield f"its time is over at {deferral.timeout_at.isoformat(timespec='seconds')}"


def trigger_rule(judgement: Judgement, waits_for: Sequence[str]) -> Check:
    """Whether the ends of its upstreams let the task instance run; ``waits_for`` are those not ended yet."""
    reason = judgement.reason
    if judgement.verdict is Verdict.WAIT and waits_for:
        reason += f": {named(waits_for)}"
    return Check(name="Trigger Rule", passed=judgement.verdict is Verdict.RUN, reason=reason)


def not_ended(join: Join, notes: Notes) -> list[str]:
    """The tasks before a join that have not ended, by the notes on its item; none where they are many."""
    if join.bucket_count:
        return []
    ended = ended_numbers(notes, join.wholes)
    senders = (*join.upstream, *join.listens_to)
    return [*(name for number, name in enumerate(senders) if number not in ended), *join.missing]


def previous_run(states: Mapping[str, TaskInstanceState | None]) -> Check:
    """Whether the task (and what it waits for downstream) ended well in the previous run.

    ``states`` by task id; empty if there is no previous run, or the task asks for none.
    """
    missing = [
        f"{name} is {state or 'not started'}" for name, state in states.items() if not ended_well(state)
    ]
    reason = "the task does not wait for an earlier run"
    if missing:
        reason = f"in the previous run {', '.join(missing)}"
    elif states:
        reason = "the previous run's tasks that it waits for ended well"
    return Check(name="Previous Dagrun State", passed=not missing, reason=reason)


def ended_well(state: TaskInstanceState | None) -> bool:
    """Whether a task that depends on past may follow an instance in this state."""
    return state in _ENDED_WELL


def not_in_retry_period(item: TaskInstance, now: datetime) -> Check:
    """Whether the delay before the next try has passed."""
    name = "Not In Retry Period"
    if item.state is not TaskInstanceState.UP_FOR_RETRY or item.retry_at is None:
        return Check(name=name, passed=True, reason="it does not wait between two tries")
    moment = item.retry_at.isoformat()
    if item.retry_at > now:
        return Check(name=name, passed=False, reason=f"the next try comes at {moment}")
    return Check(name=name, passed=True, reason=f"the next try was due at {moment}")


def pool_slots_available(task: Task, shards: Sequence[PoolShard], *, unlimited: bool) -> Check:
    """Whether the task's pool has enough slots free."""
    name, what = "Pool Slots Available", f"pool {task.pool}"
    if unlimited:
        return Check(name=name, passed=True, reason=f"{what} has no limit")
    if not shards:
        return Check(name=name, passed=False, reason=f"{what} does not exist")
    return _has_room(name, shards, task.pool_slots, what)


def under_limit(limit: Limit, shards: Sequence[PoolShard]) -> Check:
    """Whether there is a place under a limit, which comes to be when it is first reached for."""
    name = "Concurrency"
    if not shards:
        return Check(name=name, passed=True, reason=f"{limit.text}: nobody has asked yet")
    return _has_room(name, shards, 1, limit.text)


def _has_room(name: str, shards: Sequence[PoolShard], slots: int, what: str) -> Check:
    capacity = sum(shard.capacity for shard in shards)
    free = max(0, sum(shard.free for shard in shards))
    passed = plan_take(shards, slots) is not None
    return Check(name=name, passed=passed, reason=f"{slots} wanted of {what}: {free} of {capacity} free")


def named(tasks: Sequence[str]) -> str:
    """Tasks as a reason names them: not more than a few."""
    more = len(tasks) - _NAMED_TASKS
    return ", ".join(tasks[:_NAMED_TASKS]) + (f" and {more} more" if more > 0 else "")
