"""What can be asked, and what is said when there is nothing to show."""

import pytest

from chalicelib.domain.errors import TaskLogNotFound
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.engine.reading.queries import get_task_log
from chalicelib.simulation.world import World
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.scenarios import EXECUTION_DATE, start, world_of


def log_of(world: World, task_id: str, try_number: int | None = None) -> bytes:
    return get_task_log(world.engine, "scripted", EXECUTION_DATE, task_id, try_number)


@pytest.fixture
def world() -> World:
    dag = ScriptedDag([Shape("a", behaviour="fail"), Shape("b", ("a",)), Shape("c")])
    made = world_of(dag, 1)
    start(made, dag)
    for entry in list(made.queue.visible()):
        if "run_task" not in entry.message:
            made.deliver(entry)
    made.deliver(next(entry for entry in made.queue.visible() if '"task_id": "a"' in entry.message))
    return made


def test_the_log_of_the_last_try_is_given(world: World) -> None:
    run = world.store.dag_runs.get("scripted", EXECUTION_DATE)
    assert isinstance(run, DagRun)
    world.store.task_logs.save(run.ref, run.run_id, "a#-1", 1, b"hello")
    assert log_of(world, "a") == b"hello"
    assert log_of(world, "a", 1) == b"hello"


def test_the_logs_of_callbacks_follow_that_of_their_try_or_stand_for_it() -> None:
    kinds = ("on_failure_callback", "on_success_callback")
    dag = ScriptedDag([Shape("a", callbacks=kinds), Shape("b", callbacks=kinds)])
    world = world_of(dag, 1)
    run = start(world, dag)
    world.drain()
    logs = world.store.task_logs
    logs.save(run.ref, run.run_id, "a#-1", 1, b"hello\n")
    logs.save_callback(run.ref, run.run_id, "a#-1", 1, "on_success_callback", b"bye\n")
    logs.save_callback(run.ref, run.run_id, "b#-1", 1, "on_failure_callback", b"its worker is gone\n")
    assert log_of(world, "a") == b"hello\nbye\n"
    assert log_of(world, "b") == b"its worker is gone\n"


@pytest.mark.parametrize(
    ("task_id", "try_number", "text"),
    [
        ("a", 2, "Task a has no try 2 in run manual__2025-01-01T00:00:00+00:00: it is failed, fail"),
        ("b", None, "Task b was not tried in run .*: it is upstream_failed, all_success with upstream"),
        ("c", None, "Try 1 of task c in run .* left no log: it is queued"),
    ],
)
def test_where_there_is_no_log_the_reason_is_told(
    world: World, task_id: str, try_number: int | None, text: str
) -> None:
    with pytest.raises(TaskLogNotFound, match=text.replace("+", r"\+")):
        log_of(world, task_id, try_number)
