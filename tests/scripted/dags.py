"""DAGs made of a compact shape, their document, and what Airflow's rules make of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.expansion import Concat, Expansion, Length, Literal, OutputOf, Product, Zip
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph
from chalicelib.domain.runs.dags import Dag, DagVersion
from chalicelib.domain.runs.deferrals import Deferring
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
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
    wait_for_past_depends_before_skipping: bool = False
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    callbacks: tuple[str, ...] = ()
    role: str = "work"
    """Or setup, or teardown; a teardown is that of the setups among its upstreams."""
    fails_run: bool = False
    mode: str | None = None
    """Of a sensor: ``poke`` or ``reschedule``. It pokes in vain so often, then behaves as it says."""
    pokes: int = 0
    poke_interval: float = 60.0
    defers: int = 0
    """How often it is deferred in a try, before it behaves as it says."""
    fires_after: float = 60.0
    """Seconds from a deferral until its trigger fires..."""
    looks_every: float = 60.0
    """...and between two looks of it."""
    fires: str = "fired"
    """What the window comes to that ends a deferral."""
    times_out_after: float | None = None
    """Seconds from a deferral until its time is over."""
    start_date: str | None = None
    end_date: str | None = None
    """ISO, of the first and the last run that has the task."""
    gently: bool = False
    """Of a short circuit: it respects the trigger rules behind its direct successors."""
    expansion: Expansion | None = None
    """What it is mapped over, by itself or with the groups around it."""
    by_index: tuple[str, ...] = ()
    """What the instances 0, 1, ... of a mapped task do; those beyond behave as the task says."""
    choices: tuple[tuple[str, ...], ...] = ()
    """What the instances 0, 1, ... of a mapped branch follow; those beyond follow what the task says."""
    returns: int | None = None
    """How many items a success returns; None: something that nothing can be mapped over."""
    returns_later: int | None = None
    """How many it returns from its second try on, if that is another number."""

    @property
    def behaviours(self) -> frozenset[str]:
        """All that its instances do."""
        return frozenset((self.behaviour, *self.by_index))

    def behaviour_of(self, map_index: int) -> str:
        """What an instance does."""
        return self.by_index[map_index] if 0 <= map_index < len(self.by_index) else self.behaviour

    def choice_of(self, map_index: int) -> tuple[str, ...]:
        """What an instance of a branch follows."""
        return self.choices[map_index] if 0 <= map_index < len(self.choices) else self.follow


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
    most_failures: int = 0
    params: dict[str, Any] = field(default_factory=dict)
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
            "max_consecutive_failed_dag_runs": self.most_failures,
            "params": self.params,
            "tasks": [_task_document(shape) for shape in self.shapes],
        }

    def save(self, store: Store, *, is_paused: bool = False) -> None:
        version = DagVersion(dag_id=self.dag_id, version="v1", document=self.document(), code="")
        store.dags.save_version(version)
        store.dags.save(
            Dag(
                dag_id=self.dag_id,
                generation=1,
                is_paused=is_paused,
                version="v1",
                fileloc="scripted.py",
                has_params=bool(self.params),
            )
        )

    def script(self, request: TryRequest) -> TryOutcome:
        shape = self._by_id[request.task_id]
        if shape.mode is not None and request.pokes < shape.pokes:
            return TryOutcome(
                result=TryResult.RESCHEDULED,
                reschedule_date=self.now() + timedelta(seconds=shape.poke_interval),
                keeps_slots=shape.mode == "poke",
            )
        done = int(request.deferral.method_kwargs) if request.deferral else 0
        if request.deferral is not None and request.deferral.error is not None:
            return TryOutcome(result=TryResult.FAILED, reason=request.deferral.error)
        if done < shape.defers:
            return TryOutcome(result=TryResult.DEFERRED, deferring=self._deferring(shape, done + 1))
        return self._outcome(shape, request)

    def _deferring(self, shape: Shape, number: int) -> Deferring:
        trigger = {"after": shape.fires_after, "every": shape.looks_every, "result": shape.fires}
        timeout = shape.times_out_after
        return Deferring(
            classpath="scripted.Trigger",
            kwargs=json.dumps(trigger),
            method_name="go_on",
            method_kwargs=str(number),
            timeout_at=None if timeout is None else self.now() + timedelta(seconds=timeout),
        )

    def _outcome(self, shape: Shape, request: TryRequest) -> TryOutcome:
        map_index = request.map_index
        behaviour = shape.behaviour_of(map_index)
        outcome = outcome_of(behaviour, request.try_number, self._skips(shape, map_index))
        if outcome.result is not TryResult.SUCCESS:
            return outcome
        has_changed = request.try_number > 1 and shape.returns_later is not None
        returns = shape.returns_later if has_changed else shape.returns
        length = returns if map_index == NOT_MAPPED else int(behaviour != "nothing")
        return replace(outcome, output_length=length)

    def skips(self, shape: Shape) -> frozenset[str]:
        """What a task that is not mapped orders to be skipped."""
        return self._skips(shape, NOT_MAPPED)

    def _skips(self, shape: Shape, map_index: int) -> frozenset[str]:
        behaviour = shape.behaviour_of(map_index)
        downstream = set(self.graph.tasks[shape.task_id].downstream)
        if behaviour == "short":
            following = downstream if shape.gently else self.graph.descendants(shape.task_id)
            return frozenset(name for name in following if self._by_id[name].role != "teardown")
        if behaviour != "branch":
            return frozenset()
        # What lies behind a chosen task stays, even where it also follows the branch directly.
        kept = set(shape.choice_of(map_index))
        left = downstream - kept - set().union(*map(self.graph.descendants, kept & self.graph.tasks.keys()))
        if map_index != NOT_MAPPED:
            return frozenset(left)
        return frozenset(name for name in left if not self._has_its_indexes(name))

    def _has_its_indexes(self, task_id: str) -> bool:
        """Whether a task is mapped over literals, of which no branch skips an instance, as in Airflow."""
        return bool(self.graph.tasks[task_id].literal_length)


def may_skip(shape: Shape) -> str:
    """Which tasks it may order to be skipped, as a document says it."""
    if "branch" in shape.behaviours:
        return "branch"
    if "short" in shape.behaviours:
        return "direct" if shape.gently else "all"
    return "none"


def expansion_document(expansion: Expansion | None) -> dict[str, Any]:
    """The part of a task's document that says what it is mapped over; empty for a plain task."""
    if expansion is None:
        return {}
    if expansion.own is not None:
        return {"expansion": {"own": length_document(expansion.own)}}
    groups = [[group.group_id, length_document(group.length)] for group in expansion.groups]
    return {"expansion": {"groups": groups, "is_direct": expansion.is_direct}}


def length_document(length: Length) -> dict[str, Any]:
    match length:
        case Literal(count=count):
            return {"literal": count}
        case OutputOf(task_id=task_id):
            return {"output": task_id}
        case Zip(parts=parts, longest=longest):
            return {"zip": [length_document(part) for part in parts], "longest": longest}
        case Concat(parts=parts):
            return {"concat": [length_document(part) for part in parts]}
        case Product(parts=parts):
            return {"product": [length_document(part) for part in parts]}


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
        "may_skip": may_skip(shape),
        "depends_on_past": shape.depends_on_past or shape.wait_for_downstream,
        "wait_for_downstream": shape.wait_for_downstream,
        "wait_for_past_depends_before_skipping": shape.wait_for_past_depends_before_skipping,
        "max_active_tis_per_dag": shape.max_active_tis_per_dag,
        "max_active_tis_per_dagrun": shape.max_active_tis_per_dagrun,
        "callbacks": list(shape.callbacks),
        "is_setup": shape.role == "setup",
        "is_teardown": shape.role == "teardown",
        "on_failure_fail_dagrun": shape.fails_run,
        "attributes": {},
        "start_date": shape.start_date,
        "end_date": shape.end_date,
        **expansion_document(shape.expansion),
    }
