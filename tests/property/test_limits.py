"""Airflow's limits under duplicates, crashes and delays: never exceeded, and nothing waits for ever."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.graph.expansion import Expansion, Literal, OutputOf
from chalicelib.domain.graph.width import widest
from chalicelib.domain.plans.by_hand import Choice, chosen, clearing, marking
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import holder_name, task_key
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand.clearing import ClearRequest, clear_tasks
from chalicelib.engine.by_hand.marking import MarkRequest, mark_tasks
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.reading.why import why_run
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.engine.slots.pools import save_pool
from chalicelib.engine.upkeep.deletion import delete_dag
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.world import World
from tests.property.alterations import send_plan, some_names
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import (
    assert_nothing_is_held,
    dag_of,
    date_of,
    disturb,
    item_of,
    item_state,
    run_state,
    start_runs,
    world_of,
)
from tests.scripted.world import ScriptedWorld

CHAIN = [Shape("a", retries=100), Shape("b", ("a",), retries=100)]
"""Retried, for a worker that is killed is a failed try."""

FAN = [
    Shape("root", retries=100),
    *(Shape(f"t{number}", ("root",), retries=100) for number in range(6)),
]


def runs_in(world: World, dag: ScriptedDag, state: DagRunState) -> list[datetime]:
    return [run.execution_date for run in world.store.dag_runs.list(dag.dag_id) if run.state is state]


def count_tasks(world: World, dag: ScriptedDag, task_id: str | None = None) -> int:
    """Tasks (of that id) of all runs that are queued or running."""
    active = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING)
    return sum(
        item.state in active and task_id in (None, item.task_id)
        for run in world.store.dag_runs.list(dag.dag_id)
        for _, item in world.store.task_instances.list(run.run_uid)
    )


def deliver_what_is_there(world: World) -> None:
    """Deliver the messages that are waiting, not those that they lead to."""
    for message in list(world.queue.visible()):
        world.deliver(message)


@given(st.integers(1, 3), st.integers(1, 6), st.integers())
def test_no_more_runs_are_active_than_may_be(most: int, count: int, seed: int) -> None:
    dag = ScriptedDag(CHAIN, max_active_runs=most)
    world = world_of(dag, seed)
    seen: list[int] = []
    world.stall = lambda _: seen.append(len(runs_in(world, dag, DagRunState.RUNNING)))
    start_runs(world, dag, count)
    disturb(world, 60)
    world.settle(dag.dag_id)
    assert max(seen) <= most
    assert len(runs_in(world, dag, DagRunState.SUCCESS)) == count
    assert_nothing_is_held(world)


def test_runs_over_the_limit_stay_queued_and_start_by_execution_date() -> None:
    dag = ScriptedDag(CHAIN, max_active_runs=1)
    world = world_of(dag, 1)
    began: list[datetime] = []
    world.stall = lambda request: began.append(request.execution_date)
    runs = start_runs(world, dag, 4)
    deliver_what_is_there(world)
    assert runs_in(world, dag, DagRunState.RUNNING) == [runs[0].execution_date]
    assert runs_in(world, dag, DagRunState.QUEUED) == [run.execution_date for run in runs[1:]]
    world.drain()
    assert [date for date, _ in zip(began[::2], began[1::2], strict=True)] == [date_of(n) for n in range(4)]


def test_a_queued_run_costs_no_message_while_it_waits_for_another() -> None:
    dag = ScriptedDag([Shape("slow", behaviour="flaky", retries=1, retry_delay=7200)], max_active_runs=1)
    world = world_of(dag, 1)
    start_runs(world, dag, 20)
    world.drain()
    sent = len(world.queue.sent)
    for _ in range(30):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    of_the_queued = [m for m in world.queue.sent[sent:] if getattr(m, "execution_date", None) != date_of(0)]
    # The tick asks the limit itself, once a minute, whether somebody should go.
    assert {type(message).__name__ for message in of_the_queued} <= {"WakePool", "RetryTask"}


def test_runs_of_a_paused_dag_cost_no_message_each_minute() -> None:
    dag = ScriptedDag(CHAIN)
    world = world_of(dag, 1)
    set_paused(world.engine, dag.dag_id, paused=True, changed_by="test")
    start_runs(world, dag, 5)
    world.drain()
    sent = len(world.queue.sent)
    for _ in range(55):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert world.queue.sent[sent:] == []
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="test")
    world.drain()
    assert len(runs_in(world, dag, DagRunState.SUCCESS)) == 5


@given(st.integers(1, 4), st.integers(1, 4), st.integers())
def test_no_more_tasks_of_a_dag_are_active_than_may_be(most: int, count: int, seed: int) -> None:
    dag = ScriptedDag(FAN, max_active_tasks=most)
    world = world_of(dag, seed)
    seen: list[int] = []
    world.stall = lambda _: seen.append(count_tasks(world, dag))
    start_runs(world, dag, count)
    disturb(world, 80)
    world.settle(dag.dag_id)
    assert max(seen) <= most
    assert len(runs_in(world, dag, DagRunState.SUCCESS)) == count
    assert_nothing_is_held(world)


@given(st.integers(1, 2), st.integers(1, 3), st.integers())
def test_limits_and_pools_hold_together(most: int, slots: int, seed: int) -> None:
    fan = [
        Shape(
            f"t{number}",
            pool="small",
            pool_slots=1 + number % slots,
            max_active_tis_per_dag=most,
            retries=100,
        )
        for number in range(4)
    ]
    dag = ScriptedDag(fan, max_active_tasks=3)
    world = world_of(dag, seed)
    seen: list[tuple[int, int]] = []

    def count(request: TryRequest) -> None:
        seen.append((count_tasks(world, dag), count_tasks(world, dag, request.task_id)))

    world.stall = count
    start_runs(world, dag, 4)
    disturb(world, 80)
    world.settle(dag.dag_id)
    assert max(all_tasks for all_tasks, _ in seen) <= 3
    assert max(of_one for _, of_one in seen) <= most
    assert len(runs_in(world, dag, DagRunState.SUCCESS)) == 4
    assert_nothing_is_held(world)


def test_a_task_that_waits_under_a_limit_says_so() -> None:
    dag = ScriptedDag([Shape("one"), Shape("two")], max_active_tasks=1)
    world = world_of(dag, 1)
    (run,) = start_runs(world, dag, 1)
    deliver_what_is_there(world)
    items = [item for _, item in world.store.task_instances.list(run.run_uid)]
    (waiting,) = [item for item in items if item.state is TaskInstanceState.SCHEDULED]
    assert waiting.reason == "at most 1 tasks of scripted at once (max_active_tasks)"


def test_a_limit_on_a_chain_that_never_binds_costs_nothing() -> None:
    chain = [Shape("a"), *(Shape(f"t{n}", ("a" if n == 0 else f"t{n - 1}",)) for n in range(5))]
    dag = ScriptedDag(chain, max_active_runs=16, max_active_tasks=16)
    assert {task.limits for task in dag.graph.tasks.values()} == {()}
    wide = ScriptedDag(FAN, max_active_runs=16, max_active_tasks=16)
    assert all(task.limits for task in wide.graph.tasks.values())


def narrow(made: list[Shape]) -> ScriptedDag:
    """A DAG whose shape alone keeps ``max_active_tasks``, as tightly as can be."""
    width = widest(ScriptedDag(made).graph.tasks) or 0
    return ScriptedDag(made, max_active_runs=1, max_active_tasks=max(width, 1))


@pytest.mark.parametrize(
    ("made", "width"),
    [
        ([Shape("a"), Shape("b", ("a",))], 1),
        ([Shape("a"), Shape("b"), Shape("c", ("a", "b")), Shape("d", ("c",))], 2),
        # ``c`` fails as soon as ``a`` does; then ``d`` may run beside ``b``.
        ([Shape("a"), Shape("b"), Shape("c", ("a", "b")), Shape("d", ("c",), rule="all_done")], 3),
        ([Shape("a"), Shape("b", ("a",), expansion=Expansion(own=Literal(count=7))), Shape("c", ("b",))], 7),
        ([Shape("a", returns=1), Shape("b", ("a",), expansion=Expansion(own=OutputOf(task_id="a")))], None),
        ([Shape("a", expansion=Expansion(own=Literal(count=0)))], 0),
    ],
)
def test_the_width_of_a_dag_bounds_how_many_instances_are_at_work(
    made: list[Shape], width: int | None
) -> None:
    assert widest(ScriptedDag(made).graph.tasks) == width


MAPPED = [
    Shape("list", returns=6, retries=100),
    Shape("m", ("list",), retries=100, expansion=Expansion(own=OutputOf(task_id="list"))),
    Shape("after", ("m",), retries=100),
]


@given(st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers())
@examples(40)
def test_no_more_instances_of_a_mapped_task_are_active_than_may_be(
    per_dag: int, per_dagrun: int, literal: bool, seed: int
) -> None:
    mapped = replace(MAPPED[1], max_active_tis_per_dag=per_dag, max_active_tis_per_dagrun=per_dagrun)
    if literal:
        mapped = replace(mapped, expansion=Expansion(own=Literal(count=6)))
    dag = ScriptedDag([MAPPED[0], mapped, MAPPED[2]], max_active_tasks=4)
    world = world_of(dag, seed)
    in_run: list[int] = []
    in_dag: list[int] = []
    of_all: list[int] = []

    def count(request: TryRequest) -> None:
        if request.task_id == "m":
            active = [item for item in at_work(world, dag) if item.task_id == "m"]
            in_dag.append(len(active))
            in_run.append(sum(item.run_uid == request.run_uid for item in active))
        of_all.append(len(at_work(world, dag)))

    world.stall = count
    start_runs(world, dag, 3)
    disturb(world, 120)
    world.settle(dag.dag_id)
    assert max(in_run) <= per_dagrun
    assert max(in_dag) <= per_dag
    assert max(of_all) <= 4
    assert len(in_dag) >= 18
    assert len(runs_in(world, dag, DagRunState.SUCCESS)) == 3
    assert_nothing_is_held(world)
    kept = {pool.name for pool in world.store.pools.list() if "/m/" in pool.name}
    assert kept == set(), "what a run has for itself goes with it"


def at_work(world: World, dag: ScriptedDag) -> list[TaskInstance]:
    active = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING)
    runs = world.store.dag_runs.list(dag.dag_id)
    items = (item for run in runs for _, item in world.store.task_instances.list(run.run_uid))
    return [item for item in items if item.state in active]


def test_a_run_that_is_deleted_takes_its_limits_along() -> None:
    mapped = replace(MAPPED[1], max_active_tis_per_dagrun=1)
    dag = ScriptedDag([MAPPED[0], mapped])
    world = world_of(dag, 1)
    start_runs(world, dag, 1)
    while not any("/m/" in pool.name for pool in world.store.pools.list()):
        deliver_what_is_there(world)
    delete_dag(world.engine, dag.dag_id)
    for _ in range(20):
        world.drain()
        world.advance(timedelta(minutes=1))
        world.tick()
    assert not any("/m/" in pool.name for pool in world.store.pools.list())


def test_a_cleared_task_waits_for_what_runs_after_it_where_the_shape_kept_the_limit() -> None:
    """A limit of one task at once: the cleared one starts as soon as the other is over."""
    dag = narrow([Shape("a"), Shape("b", ("a",)), Shape("c", ("b",), mode="poke", pokes=1, poke_interval=30)])
    world = world_of(dag, 1)
    (run,) = start_runs(world, dag, 1)
    world.drain()
    assert item_state(world, run, "c") is TaskInstanceState.RUNNING
    clear_tasks(
        world.engine,
        ClearRequest(dag_id=dag.dag_id, execution_date=run.execution_date, choice=Choice(task_ids=("a",))),
    )
    world.drain()
    waiting = item_of(world, run, "a")
    assert (waiting.state, waiting.reason) == (
        TaskInstanceState.SCHEDULED,
        "at most 1 tasks of scripted at once (max_active_tasks)",
    )
    world.advance(timedelta(seconds=30))
    world.drain()
    assert item_of(world, run, "a").try_number == 2
    assert runs_in(world, dag, DagRunState.SUCCESS) == [run.execution_date]
    assert dag_of(world, dag).altered_runs == frozenset()


def test_what_follows_a_marked_task_waits_for_what_runs_before_it_where_the_shape_kept_the_limit() -> None:
    dag = narrow([Shape("a", mode="poke", pokes=1, poke_interval=30), Shape("b", ("a",)), Shape("c", ("b",))])
    world = world_of(dag, 1)
    (run,) = start_runs(world, dag, 1)
    world.drain()
    choice = Choice(task_ids=("b",))
    mark_tasks(
        world.engine,
        MarkRequest(
            dag_id=dag.dag_id,
            execution_date=run.execution_date,
            choice=choice,
            state=TaskInstanceState.SUCCESS,
        ),
    )
    world.drain()
    states = [item_state(world, run, name) for name in ("a", "b", "c")]
    assert states == [TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS, TaskInstanceState.SCHEDULED]
    world.advance(timedelta(seconds=30))
    world.drain()
    assert runs_in(world, dag, DagRunState.SUCCESS) == [run.execution_date]


@st.composite
def narrow_shapes(draw: st.DrawFn) -> list[Shape]:
    """One or two chains, with a link between them here and there."""
    made: list[Shape] = []
    for number in range(draw(st.integers(2, 7))):
        before = [made[-1].task_id] if made and draw(st.integers(0, 5)) > 0 else []
        other = draw(st.sampled_from([[], [], [made[0].task_id]])) if made else []
        mode = draw(st.sampled_from([None, None, "poke", "reschedule"]))
        upstream = tuple(sorted({*before, *other}))
        made.append(Shape(f"t{number}", upstream, mode=mode, pokes=2, poke_interval=20.0, retries=100))
    return made


@given(narrow_shapes(), st.sampled_from([0.0, 0.0, 0.02, 0.1]), st.integers())
@example([Shape("t0", retries=100), Shape("t1", ("t0",), retries=100)], 0.0, 120)
@examples(60)
def test_a_limit_that_the_shape_keeps_holds_beside_clears_and_marks(
    made: list[Shape], faults: float, seed: int
) -> None:
    dag = narrow(made)
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults, lingering=0.97)
    world = crowd.world
    (run,) = start_runs(world, dag, 1)
    for _ in range(world.choose.randint(2, 6)):
        for _ in range(world.choose.randrange(150)):
            crowd.step()  # which checks the limit after each call of each handler
        alter_some(crowd, dag, run)
    crowd.settle()
    assert run_state(world, dag).is_final
    assert dag_of(world, dag).altered_runs == frozenset()
    assert_nothing_is_held(world)


def alter_some(crowd: Crowd, dag: ScriptedDag, run: DagRun) -> None:
    """Clear what is before a task at work, or mark what is after it: so more could be at work at once."""
    world, graph = crowd.world, dag.graph
    items = world.engine.items(run.run_uid)
    if items.is_empty:
        return
    clears = world.choose.random() < 0.6
    others = graph.ancestors if clears else graph.descendants
    related = {name for _, at_work, _, _ in crowd.at_work for name in others(at_work)}
    choice = Choice(task_ids=some_names(world.choose, sorted(related or graph.tasks)))
    if clears:
        plan = clearing(graph, items, chosen(graph, items, choice))
    else:
        _, plan = marking(graph, items, choice, TaskInstanceState.SUCCESS)
    send_plan(world, run, plan)


def test_what_is_cleared_with_all_that_follows_it_asks_no_more_than_before() -> None:
    dag = narrow(CHAIN)
    world = world_of(dag, 1)
    (run,) = start_runs(world, dag, 1)
    world.drain()
    choice = Choice(task_ids=("a",), downstream=True)
    clear_tasks(
        world.engine, ClearRequest(dag_id=dag.dag_id, execution_date=run.execution_date, choice=choice)
    )
    assert dag_of(world, dag).altered_runs == frozenset()


def test_deleting_a_dag_deletes_its_limits() -> None:
    dag = ScriptedDag(FAN, max_active_tasks=2, max_active_runs=1)
    world = world_of(dag, 1)
    start_runs(world, dag, 3)
    deliver_what_is_there(world)
    delete_dag(world.engine, dag.dag_id)
    world.drain()
    for _ in range(20):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert {pool.name for pool in world.store.pools.list()} == {"default_pool", "small", "unlimited"}
    assert [shard for shard in world.store.pools.all_shards() if shard.holders] == []


# -- depends_on_past ---------------------------------------------------------------------------------


@given(st.integers(2, 4), st.booleans(), st.integers())
def test_a_task_that_depends_on_past_runs_in_the_order_of_execution_dates(
    count: int, wait_for_downstream: bool, seed: int
) -> None:
    first = Shape("a", depends_on_past=True, wait_for_downstream=wait_for_downstream, retries=100)
    dag = ScriptedDag([first, Shape("b", ("a",), retries=100)])
    world = world_of(dag, seed)
    began: list[tuple[datetime, str]] = []
    world.stall = lambda request: began.append((request.execution_date, request.task_id))
    runs = start_runs(world, dag, count)
    disturb(world, 60)
    world.settle(dag.dag_id)
    firsts = dict.fromkeys(date for date, task_id in began if task_id == "a")
    assert [*firsts] == [run.execution_date for run in runs]
    if wait_for_downstream:
        for earlier, later in pairwise(runs):
            assert began.index((earlier.execution_date, "b")) < began.index((later.execution_date, "a"))


@pytest.mark.parametrize("behaviour", ["fail", "skip"])
def test_what_failed_in_the_previous_run_holds_back_and_what_was_skipped_does_not(behaviour: str) -> None:
    dag = ScriptedDag([Shape("a", behaviour=behaviour, depends_on_past=True)])
    world = world_of(dag, 1)
    _, second = start_runs(world, dag, 2)
    world.drain()
    item = world.store.task_instances.get(second.run_uid, task_key("a"))
    assert (item.state if item else None) == (TaskInstanceState.SKIPPED if behaviour == "skip" else None)


def test_an_empty_task_depends_on_past_too() -> None:
    dag = ScriptedDag(
        [Shape("fails", behaviour="fail"), Shape("a", ("fails",), is_empty=True, depends_on_past=True)]
    )
    world = world_of(dag, 1)
    _, second = start_runs(world, dag, 2)
    world.drain()
    item = world.store.task_instances.get(second.run_uid, task_key("a"))
    assert item is not None
    assert item.state is TaskInstanceState.UPSTREAM_FAILED


def test_with_catchup_manual_runs_are_not_the_past_of_others() -> None:
    dag = ScriptedDag([Shape("a", behaviour="fail", depends_on_past=True)], catchup=True)
    world = world_of(dag, random.randrange(9))
    _, second = start_runs(world, dag, 2)
    world.drain()
    item = world.store.task_instances.get(second.run_uid, task_key("a"))
    assert item is not None
    assert item.state is TaskInstanceState.FAILED


ONE_AFTER_ONE = [
    Shape("a", behaviour="flaky", depends_on_past=True),  # without retries: it succeeds once it was cleared
    Shape("b", ("a",)),
]


def clear_run(world: World, run: DagRun, *task_ids: str, only_failed: bool = False) -> None:
    """Clear these tasks (none named: all) with what comes after them."""
    choice = Choice(task_ids=task_ids or None, downstream=True, only_failed=only_failed)
    clear_tasks(
        world.engine, ClearRequest(dag_id=run.dag_id, execution_date=run.execution_date, choice=choice)
    )


def states_of_runs(world: World, dag: ScriptedDag) -> list[str]:
    return [str(run.state) for run in world.store.dag_runs.list(dag.dag_id)]


def test_a_run_that_waits_for_a_cleared_one_gives_its_place_to_it() -> None:
    """Airflow 2.10.5 lets the cleared run wait for ever behind the one that waits for it."""
    dag = ScriptedDag(ONE_AFTER_ONE, max_active_runs=1)
    world = world_of(dag, 1)
    runs = start_runs(world, dag, 4)
    world.drain()
    assert states_of_runs(world, dag) == ["failed", "running", "queued", "queued"]
    for number, run in enumerate(runs):
        clear_run(world, run)
        world.drain()
        assert states_of_runs(world, dag)[: number + 1] == ["success"] * (number + 1)
    assert_nothing_is_held(world)


def test_cleared_runs_behind_each_other_go_on_the_earliest_first() -> None:
    dag = ScriptedDag(ONE_AFTER_ONE, max_active_runs=1)
    world = world_of(dag, 1)
    began: list[datetime] = []
    runs = start_runs(world, dag, 5)
    world.drain()
    for run in runs[:2]:  # each lets the next one begin, and fail
        clear_run(world, run)
        world.drain()
    assert states_of_runs(world, dag) == ["success", "success", "failed", "running", "queued"]
    world.stall = lambda request: began.append(request.execution_date)
    for run in reversed(runs[:3]):
        clear_run(world, run)
    world.drain()
    assert states_of_runs(world, dag) == ["success"] * 3 + ["failed", "running"]
    assert began == [run.execution_date for run in runs[:3] for _ in range(2)] + [runs[3].execution_date]


def test_a_run_gives_way_to_one_that_was_made_after_it() -> None:
    """Nothing was cleared: the earlier date was triggered last."""
    dag = ScriptedDag([Shape("first"), Shape("a", ("first",), depends_on_past=True)], max_active_runs=1)
    world = world_of(dag, 1)
    later, earlier = (
        create_run(world.engine, RunRequest(dag_id=dag.dag_id, execution_date=date_of(day), triggered_by="t"))
        for day in (1, 0)
    )
    deliver_what_is_there(world)
    assert states_of_runs(world, dag) == ["queued", "running"]
    world.drain()
    assert states_of_runs(world, dag) == ["success", "success"]
    assert item_of(world, later, "a").start_date is not None
    assert item_of(world, earlier, "a").state is TaskInstanceState.SUCCESS


def test_a_run_that_waits_for_what_comes_after_a_marked_task_gives_way() -> None:
    """The mark clears what failed after it; ``wait_for_downstream`` makes the later run wait for that."""
    first_task = Shape("a", behaviour="flaky", depends_on_past=True, wait_for_downstream=True)
    dag = ScriptedDag([first_task, Shape("b", ("a",))], max_active_runs=1)
    world = world_of(dag, 1)
    first, _ = start_runs(world, dag, 2)
    world.drain()
    assert states_of_runs(world, dag) == ["failed", "running"]
    mark_tasks(
        world.engine,
        MarkRequest(
            dag_id=dag.dag_id,
            execution_date=first.execution_date,
            choice=Choice(task_ids=("a",)),
            state=TaskInstanceState.SUCCESS,
        ),
    )
    world.drain()
    assert states_of_runs(world, dag) == ["success", "failed"]


def test_a_run_keeps_its_place_as_long_as_something_of_it_is_at_work() -> None:
    slow = Shape("slow", mode="reschedule", pokes=1, poke_interval=3600)
    dag = ScriptedDag([*ONE_AFTER_ONE, slow], max_active_runs=1)
    world = world_of(dag, 1)
    first, second = start_runs(world, dag, 2)
    while states_of_runs(world, dag)[0] != "failed":
        world.advance(timedelta(minutes=10))
        world.drain()
    clear_run(world, first, "a")
    world.drain()
    assert states_of_runs(world, dag) == ["queued", "running"]
    found = why_run(world.engine, dag.dag_id, first.execution_date)
    assert [(check.name, check.reason) for check in found if not check.passed] == [
        ("Concurrency", "1 wanted of at most 1 runs of scripted at once (max_active_runs): 0 of 1 free"),
        ("Later Run Gives Way", f"{second.run_id} keeps its place: at work is slow"),
    ]
    world.advance(timedelta(hours=1))
    world.drain()
    for _ in range(2):
        world.advance(timedelta(minutes=1))
        world.tick()
        world.drain()
    assert states_of_runs(world, dag)[0] == "success"


def test_with_catchup_a_manual_run_gives_way_too() -> None:
    dag = ScriptedDag(ONE_AFTER_ONE, max_active_runs=1, catchup=True)
    world = world_of(dag, 1)
    wishes = [(0, DagRunType.SCHEDULED), (1, DagRunType.MANUAL), (2, DagRunType.SCHEDULED)]
    first, *_ = (
        create_run(
            world.engine,
            RunRequest(dag_id=dag.dag_id, execution_date=date_of(day), run_type=kind, triggered_by="t"),
        )
        for day, kind in wishes
    )
    world.drain()
    assert states_of_runs(world, dag) == ["failed", "running", "queued"]
    clear_run(world, first)
    world.drain()
    assert states_of_runs(world, dag) == ["success", "failed", "failed"]


@given(
    st.integers(1, 3),
    st.integers(2, 5),
    st.booleans(),
    st.sampled_from([0.0, 0.02, 0.1]),
    st.integers(),
)
@examples(60)
def test_runs_that_depend_on_past_end_however_they_are_cleared(
    most: int, count: int, wait_for_downstream: bool, faults: float, seed: int
) -> None:
    shapes = [
        Shape("a", depends_on_past=True, wait_for_downstream=wait_for_downstream, retries=100),
        Shape("b", ("a",), behaviour="fail for good"),
        Shape("c", retries=100),
        Shape("d", ("c",), depends_on_past=True, is_empty=seed % 2 == 0, retries=100),
    ]
    dag = ScriptedDag(shapes, max_active_runs=most, max_active_tasks=2 * most)
    failing = {"b"}
    crowd = Crowd(world_of(dag, seed), dag.graph, faults=faults)
    world = crowd.world
    assert isinstance(world, ScriptedWorld)
    script = world.script
    world.script = lambda request: (
        script(request) if request.task_id in failing else TryOutcome(result=TryResult.SUCCESS)
    )
    runs = start_runs(world, dag, count)
    for _ in range(world.choose.randint(1, 5)):
        for _ in range(world.choose.randrange(120)):
            crowd.step()
            active = runs_in(world, dag, DagRunState.RUNNING)
            assert len(active) <= most
        run = world.choose.choice(runs)
        items = world.engine.items(run.run_uid)
        if not items.is_empty:
            names = some_names(world.choose, ["a", "b", "c", "d"])
            found = chosen(dag.graph, items, Choice(task_ids=names, downstream=True))
            plan = clearing(dag.graph, items, found)
            send_plan(world, run, plan)
    failing.clear()
    crowd.finish()
    for _ in range(count + 1):  # what failed holds its successor back, as in Airflow, until it is cleared
        for run in runs:
            clear_run(world, run, only_failed=True)
        for _ in range(3):  # longer than a lease, so that a try whose worker was killed fails, too
            world.drain()
            world.advance(timedelta(minutes=20))
            world.tick()
    crowd.settle()
    assert states_of_runs(world, dag) == ["success"] * count
    assert_nothing_is_held(world)


def test_places_that_are_given_back_are_relied_on_by_nobody() -> None:
    """Who finds a task waiting takes slots under another name than the one they are given back under."""
    dag = ScriptedDag([Shape("a", pool="nowhere")], max_active_tasks=1, max_active_runs=2)
    world = world_of(dag, 1)
    (run,) = start_runs(world, dag, 1)
    deliver_what_is_there(world)
    waiting = world.store.task_instances.get(run.run_uid, task_key("a"))
    assert waiting is not None
    assert waiting.state is TaskInstanceState.SCHEDULED
    assert waiting.next_holder(1) != holder_name(run.run_uid, task_key("a"), 1)
    save_pool(world.engine, name="nowhere", slots=1, description=None)
    world.drain()
    assert runs_in(world, dag, DagRunState.SUCCESS) == [run.execution_date]
    assert_nothing_is_held(world)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=7), st.integers(1, 9), st.integers(1, 9), st.integers()
)
@examples(60)
def test_one_place_goes_by_priority_to_what_waits_and_what_has_just_become_ready(
    weights: list[int], first: int, then: int, seed: int
) -> None:
    """As in Airflow's scheduler: the successor of what has just ended waits behind what is more urgent."""
    after_root = [("first", first), *((f"t{number}", weight) for number, weight in enumerate(weights))]
    shapes = [Shape(name, ("root",), priority_weight=weight) for name, weight in after_root]
    last = Shape("then", ("first",), priority_weight=then)
    dag = ScriptedDag([Shape("root", is_empty=True), *shapes, last], max_active_tasks=1)
    world = world_of(dag, seed)
    start_runs(world, dag, 1)
    world.settle(dag.dag_id)
    assert run_state(world, dag) is DagRunState.SUCCESS
    order = [task_id for task_id, _ in world.tries]
    weight_of = {**dict(after_root), "then": then}
    place = order.index("first")
    for number, name in enumerate(order):
        ready = [other for other in order[number:] if other != "then" or number > place]
        assert weight_of[name] == max(weight_of[other] for other in ready)
