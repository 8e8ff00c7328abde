"""DAGs made of a compact shape, their document, and what Airflow's rules make of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.trigger_rules import Arrived, TriggerRule, Verdict, judge
from chalicelib.domain.runs.dags import Dag, DagVersion
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.states import FAILURE_STATES, DagRunState, TaskInstanceState
from chalicelib.engine.ports.store import Store
from tests.scripted.world import outcome_of


@dataclass(frozen=True)
class Shape:
    """A task: its upstreams come before it in the list of shapes."""

    task_id: str
    upstream: tuple[str, ...] = ()
    rule: str = "all_success"
    behaviour: str = "ok"
    follow: tuple[str, ...] = ()
    retries: int = 0
    pool: str = "default_pool"
    pool_slots: int = 1
    is_empty: bool = False
    retry_delay: float = 0.0
    retry_exponential_backoff: bool = False
    max_retry_delay: float | None = None
    priority_weight: int = 1
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    max_active_tis_per_dag: int | None = None
    callbacks: tuple[str, ...] = ()
    role: str = "work"
    """Or setup, or teardown; a teardown is that of the setups among its upstreams."""
    fails_run: bool = False
    mode: str | None = None
    """Of a sensor: ``poke`` or ``reschedule``. It pokes in vain so often, then behaves as it says."""
    pokes: int = 0
    poke_interval: float = 60.0


@dataclass
class ScriptedDag:
    """A DAG of shapes with the outcome of each try."""

    shapes: list[Shape]
    dag_id: str = "scripted"
    max_active_runs: int = 16
    max_active_tasks: int = 10_000
    catchup: bool = False
    callbacks: tuple[str, ...] = ()
    dagrun_timeout: timedelta | None = None
    fail_stop: bool = False
    now: Callable[[], datetime] = lambda: datetime.max.replace(tzinfo=UTC)
    """The clock of the world that it runs in."""
    graph: Graph = field(init=False)

    def __post_init__(self) -> None:
        self.graph = graph_from_document(self.document())
        self._by_id = {shape.task_id: shape for shape in self.shapes}

    def document(self) -> dict[str, Any]:
        timeout = self.dagrun_timeout
        return {
            "dag_id": self.dag_id,
            "max_active_runs": self.max_active_runs,
            "max_active_tasks": self.max_active_tasks,
            "catchup": self.catchup,
            "callbacks": list(self.callbacks),
            "dagrun_timeout": None if timeout is None else timeout.total_seconds(),
            "fail_stop": self.fail_stop,
            "tasks": [_task_document(shape) for shape in self.shapes],
        }

    def save(self, store: Store, *, is_paused: bool = False) -> None:
        version = DagVersion(dag_id=self.dag_id, version="v1", document=self.document(), code="")
        store.dags.save_version(version)
        store.dags.save(
            Dag(dag_id=self.dag_id, generation=1, is_paused=is_paused, version="v1", fileloc="scripted.py")
        )

    def script(self, request: TryRequest) -> TryOutcome:
        shape = self._by_id[request.task_id]
        if shape.mode is not None and request.pokes < shape.pokes:
            return TryOutcome(
                result=TryResult.RESCHEDULED,
                reschedule_date=self.now() + timedelta(seconds=shape.poke_interval),
                keeps_slots=shape.mode == "poke",
            )
        return self._outcome(shape, request.try_number)

    def _outcome(self, shape: Shape, try_number: int) -> TryOutcome:
        return outcome_of(shape.behaviour, try_number, self.skips(shape))

    def skips(self, shape: Shape) -> frozenset[str]:
        if shape.behaviour == "short":
            following = self.graph.descendants(shape.task_id)
            return frozenset(name for name in following if self._by_id[name].role != "teardown")
        if shape.behaviour != "branch":
            return frozenset()
        downstream = set(self.graph.tasks[shape.task_id].downstream)
        kept = set(shape.follow) & downstream
        # What lies behind a chosen task stays, even where it also follows the branch directly.
        return frozenset(downstream - kept - set().union(*map(self.graph.descendants, kept)))

    def expected_states(self) -> dict[str, TaskInstanceState]:
        """The final states, from the trigger rules alone: task by task in topological order."""
        states: dict[str, TaskInstanceState] = {}
        ordered: set[str] = set()
        for shape in self.shapes:
            states[shape.task_id] = self.expected_state(shape, states, ordered)
            ran = states[shape.task_id] is TaskInstanceState.SUCCESS
            if ran:
                ordered |= self.skips(shape)
        return states

    def expected_state(self, shape: Shape, states: Mapping[str, Any], ordered: set[str]) -> TaskInstanceState:
        seen = frozenset(states[name] for name in shape.upstream)
        skipped = {name for name in shape.upstream if states[name] is TaskInstanceState.SKIPPED}
        failed = [name for name in shape.upstream if states[name] in FAILURE_STATES]
        known = Arrived(
            seen=seen,
            complete=True,
            skip_ordered=shape.task_id in ordered,
            skip_came_first=bool(skipped) and all(self.graph.ancestors(name) & skipped for name in failed),
            setups=self._setups(shape, states),
        )
        verdict = judge(TriggerRule(shape.rule), known).verdict
        if verdict is not Verdict.RUN:
            return {
                Verdict.SKIP: TaskInstanceState.SKIPPED,
                Verdict.UPSTREAM_FAILED: TaskInstanceState.UPSTREAM_FAILED,
            }[verdict]
        if shape.is_empty:
            return TaskInstanceState.SUCCESS
        last_try = shape.retries + 1
        outcome = self._outcome(shape, last_try if shape.behaviour == "flaky" else 1)
        failed_for_good = outcome.result is TryResult.FAILED_FOR_GOOD
        return TaskInstanceState.FAILED if failed_for_good else TaskInstanceState(str(outcome.result))

    def _setups(self, shape: Shape, states: Mapping[str, TaskInstanceState]) -> frozenset[TaskInstanceState]:
        """A teardown's setups; of another task those further up that it needs and that did not succeed."""
        if shape.role == "teardown":
            setups = [name for name in shape.upstream if self._by_id[name].role == "setup"]
            return frozenset(map(_as_setup, (states[name] for name in setups)))
        after = self.graph.descendants(shape.task_id)
        needed = set()
        for name in self.graph.ancestors(shape.task_id) - set(shape.upstream):
            own = {down for down in self.graph.tasks[name].downstream if self._by_id[down].role == "teardown"}
            if self._by_id[name].role == "setup" and (not own or own & after):
                needed.add(_as_setup(states[name]))
        return frozenset(needed - {TaskInstanceState.SUCCESS})

    def expected_run_state(self) -> DagRunState:
        states = self.expected_states()
        counting = {shape.task_id for shape in self.shapes if shape.role != "teardown" or shape.fails_run}
        after = {name: {*self.graph.tasks[name].downstream} for name in states}
        leaves = [name for name in counting if not after[name] & counting]
        leaves = leaves or [name for name in states if not after[name]]
        failed = any(states[leaf] in FAILURE_STATES for leaf in leaves)
        return DagRunState.FAILED if failed else DagRunState.SUCCESS


def _as_setup(state: TaskInstanceState) -> TaskInstanceState:
    ended_by_itself = state in (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED)
    return state if ended_by_itself else TaskInstanceState.FAILED


def _task_document(shape: Shape) -> dict[str, Any]:
    return {
        "task_id": shape.task_id,
        "operator": "EmptyOperator" if shape.is_empty else "PythonOperator",
        "upstream": list(shape.upstream),
        "trigger_rule": shape.rule,
        "retries": shape.retries,
        "retry_delay": shape.retry_delay,
        "retry_exponential_backoff": shape.retry_exponential_backoff,
        "max_retry_delay": shape.max_retry_delay,
        "pool": shape.pool,
        "pool_slots": shape.pool_slots,
        "priority_weight": shape.priority_weight,
        "queue": "default",
        "is_empty": shape.is_empty,
        "may_skip": {"branch": "direct", "short": "all"}.get(shape.behaviour, "none"),
        "depends_on_past": shape.depends_on_past or shape.wait_for_downstream,
        "wait_for_downstream": shape.wait_for_downstream,
        "max_active_tis_per_dag": shape.max_active_tis_per_dag,
        "callbacks": list(shape.callbacks),
        "is_setup": shape.role == "setup",
        "is_teardown": shape.role == "teardown",
        "on_failure_fail_dagrun": shape.fails_run,
        "attributes": {},
    }
