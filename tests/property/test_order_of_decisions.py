"""Skips and failures that meet: the smallest DAGs in which Airflow's order of decisions shows (I7)."""

import pytest

from chalicelib.domain.messages import RunTask
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.queues.messages import decode
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import final_states, run_state, start, world_of

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED
UPSTREAM_FAILED = TaskInstanceState.UPSTREAM_FAILED

RECORDED: dict[str, tuple[list[Shape], dict[str, TaskInstanceState], DagRunState]] = {
    "a short circuit overwrites what always runs": (
        [
            Shape("a"),
            Shape("b", ("a",), behaviour="short"),
            Shape("c", ("b",), "always"),
        ],
        {"a": SUCCESS, "b": SUCCESS, "c": SKIPPED},
        DagRunState.SUCCESS,
    ),
    "a skip that is seen before a failure decides": (
        [
            Shape("a", behaviour="branch", follow=("c",)),
            Shape("b", ("a",)),
            Shape("c", ("a",), behaviour="fail"),
            Shape("d", ("b", "c")),
        ],
        {"a": SUCCESS, "b": SKIPPED, "c": FAILED, "d": SKIPPED},
        DagRunState.SUCCESS,
    ),
    "a failure decides without waiting for the others": (
        [
            Shape("f", behaviour="fail"),
            Shape("a"),
            Shape("b", ("a",), behaviour="skip"),
            Shape("c", ("f", "b")),
            Shape("d", ("b", "c")),
        ],
        {"f": FAILED, "a": SUCCESS, "b": SKIPPED, "c": UPSTREAM_FAILED, "d": UPSTREAM_FAILED},
        DagRunState.FAILED,
    ),
    "of both seen at the same time the failure counts": (
        [
            Shape("a", behaviour="fail"),
            Shape("b", ("a",), "all_skipped"),
            Shape("c", ("a", "b"), "none_failed"),
            Shape("d", ("b", "c")),
        ],
        {"a": FAILED, "b": SKIPPED, "c": UPSTREAM_FAILED, "d": UPSTREAM_FAILED},
        DagRunState.FAILED,
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_the_smallest_dags_end_as_in_airflow(name: str) -> None:
    shapes, states, run = RECORDED[name]
    dag = ScriptedDag(shapes)
    world = world_of(dag, 0)
    made = start(world, dag)
    world.drain()
    assert final_states(world, dag, made) == states
    assert run_state(world, dag) is run


def test_what_still_runs_when_an_order_comes_ends_by_itself() -> None:
    shapes, _, _ = RECORDED["a short circuit overwrites what always runs"]
    dag = ScriptedDag(shapes)
    world = world_of(dag, 0)
    made = start(world, dag)

    def all_but_c() -> None:
        for entry in world.queue.visible():
            message = decode(entry.message)
            if not (isinstance(message, RunTask) and message.task_id == "c"):
                world.deliver(entry)

    def others_go_on(request: object) -> None:
        if getattr(request, "task_id", None) == "c":
            world.stall = lambda _: None
            all_but_c()
            all_but_c()

    world.stall = others_go_on
    world.drain()
    assert final_states(world, dag, made) == {"a": SUCCESS, "b": SUCCESS, "c": SUCCESS}


def test_a_task_is_upstream_failed_while_another_upstream_still_runs() -> None:
    dag = ScriptedDag([Shape("f", behaviour="fail"), Shape("slow"), Shape("c", ("f", "slow"))])
    world = world_of(dag, 0)
    made = start(world, dag)
    seen: dict[str, TaskInstanceState | None] = {}

    def look(request: object) -> None:
        if getattr(request, "task_id", None) == "slow":
            seen.update({item.task_id: item.state for item in world.engine.items(made.run_uid).begun()})

    world.stall = look
    world.drain()
    assert seen == {"f": FAILED, "slow": TaskInstanceState.RUNNING, "c": UPSTREAM_FAILED}
    assert run_state(world, dag) is DagRunState.FAILED
