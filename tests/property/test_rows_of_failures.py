"""``max_consecutive_failed_dag_runs``: rows of failed runs pause their DAG, each end of a run once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.states import DagRunState
from chalicelib.engine.by_hand.cancelling import cancel_run
from chalicelib.engine.dags.pausing import set_paused
from chalicelib.engine.runs.create import RunRequest, create_run
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import dag_of, date_of, disturb, start_runs, world_of
from tests.scripted.world import ScriptedWorld, outcome_of


@dataclass
class ByRun(ScriptedDag):
    """A DAG whose tasks behave as the run's date says."""

    behaviours: dict[datetime, str] = field(default_factory=dict)

    def script(self, request: TryRequest) -> TryOutcome:
        return outcome_of(self.behaviours[request.execution_date], request.try_number, frozenset())


def failing(most: int, *, max_active_runs: int = 16) -> ScriptedDag:
    shapes = [Shape("a", behaviour="fail for good")]
    return ScriptedDag(shapes, most_failures=most, max_active_runs=max_active_runs)


def start_at(world: ScriptedWorld, dag: ScriptedDag, number: int) -> DagRun:
    wish = RunRequest(dag_id=dag.dag_id, execution_date=date_of(number), triggered_by="test")
    return create_run(world.engine, wish)


def unpause(world: ScriptedWorld, dag: ScriptedDag) -> None:
    set_paused(world.engine, dag.dag_id, paused=False, changed_by="ada")


def is_paused(world: ScriptedWorld, dag: ScriptedDag) -> bool:
    return dag_of(world, dag).is_paused


def states(world: ScriptedWorld, dag: ScriptedDag) -> list[DagRunState]:
    return [run.state for run in world.store.dag_runs.list(dag.dag_id)]


def test_a_row_pauses_the_dag_and_a_later_run_stays_queued() -> None:
    dag = failing(2)
    world = world_of(dag, 1)
    for number in range(2):
        assert not is_paused(world, dag)
        start_at(world, dag, number)
        world.drain()
    assert is_paused(world, dag)
    assert dag_of(world, dag).pause_changed_by == "scheduler"
    start_at(world, dag, 2)
    world.drain()
    assert states(world, dag) == [DagRunState.FAILED, DagRunState.FAILED, DagRunState.QUEUED]


def test_the_latest_runs_count_whatever_their_state_is() -> None:
    """As in Airflow: a run that has not ended yet is no failure, however many have failed before it."""
    dag = failing(2, max_active_runs=1)
    world = world_of(dag, 1)
    start_runs(world, dag, 3)
    world.drain()
    assert states(world, dag) == [DagRunState.FAILED] * 3
    assert is_paused(world, dag), "only the end of the last one makes a row of the latest two"


def test_the_pause_comes_before_the_next_run_takes_the_place() -> None:
    dag = failing(1, max_active_runs=1)
    world = world_of(dag, 1)
    start_at(world, dag, 1)
    start_at(world, dag, 0)
    world.drain()
    assert states(world, dag) == [DagRunState.QUEUED, DagRunState.FAILED]


def test_a_run_that_was_cancelled_counts_in_the_row_of_another_only() -> None:
    dag = failing(2)
    world = world_of(dag, 1)
    for number in range(2):
        run = start_at(world, dag, number)
        cancel_run(world.engine, dag.dag_id, run.execution_date)
        world.drain()
    assert not is_paused(world, dag)
    start_at(world, dag, 2)
    world.drain()
    assert is_paused(world, dag)


def test_a_dag_that_was_unpaused_is_paused_by_the_next_failure() -> None:
    dag = failing(2)
    world = world_of(dag, 1)
    for number in range(4):
        start_at(world, dag, number)
        world.drain()
        assert is_paused(world, dag) is (number > 0)
        unpause(world, dag)
        world.drain()


@given(
    st.lists(st.sampled_from(["ok", "fail for good"]), min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(0, 60),
    st.integers(),
)
@examples(60)
def test_rows_are_counted_alike_whatever_comes_twice_or_dies(
    behaviours: list[str], most: int, steps: int, seed: int
) -> None:
    """A pause that a user took back is not made again by what comes late of the run that caused it."""
    dag = ByRun([Shape("a", retries=100)], most_failures=most)
    dag.behaviours = {date_of(number): behaviour for number, behaviour in enumerate(behaviours)}
    world = world_of(dag, seed)
    for number in range(len(behaviours)):
        start_at(world, dag, number)
        disturb(world, steps)
        world.settle(dag.dag_id)
        failed = [behaviour != "ok" for behaviour in behaviours[: number + 1]]
        assert is_paused(world, dag) is (len(failed) >= most and all(failed[-most:]))
        unpause(world, dag)
        for message in list(world.queue.sent):
            world.handle(message)
        world.advance(timedelta(minutes=2))
        world.drain()
        assert not is_paused(world, dag)
