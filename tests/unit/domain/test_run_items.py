"""The items of a run, as they are read at once."""

from chalicelib.domain.plans.checks import unfinished_tasks
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import END_OF_RUN_KEY, task_key
from chalicelib.domain.tasks.notes import NO_NOTES
from chalicelib.domain.tasks.run_items import RunItems
from chalicelib.domain.tasks.task_instances import TaskInstance
from tests.scripted.dags import ScriptedDag, Shape

SUCCESS = TaskInstanceState.SUCCESS
BUCKET = "join#-1#bucket-00001"


def item(task_id: str, state: TaskInstanceState | None = None, map_index: int = -1) -> TaskInstance:
    return TaskInstance(run_uid="run", task_id=task_id, state=state, map_index=map_index)


def items(**by_task_id: TaskInstance) -> RunItems:
    return RunItems.of("run", ((task_key(name), each) for name, each in by_task_id.items()))


def test_what_nothing_has_touched_reads_as_an_untouched_instance() -> None:
    found = items(a=item("a", SUCCESS))
    assert found.instance("a").state is SUCCESS
    assert found.instance("b") == item("b")
    assert found.instance("b", 3) == item("b", map_index=3)
    assert found.end_of_run == item("")
    assert found.notes(BUCKET) == NO_NOTES
    assert [each.task_id for each in found.instances(["b", "a"])] == ["b", "a"]


def test_a_run_is_empty_until_something_touches_it() -> None:
    assert items().is_empty
    assert not items(a=item("a")).is_empty


def test_buckets_and_the_end_of_the_run_are_no_task_instances() -> None:
    kept = {
        task_key("a"): item("a", SUCCESS),
        task_key("b"): item("b"),
        BUCKET: item("join"),
        END_OF_RUN_KEY: item(""),
    }
    assert [each.key for each in RunItems.of("run", kept.items()).begun()] == [task_key("a")]


def test_a_bucket_does_not_hide_that_its_join_has_ended() -> None:
    graph = ScriptedDag([Shape("join")]).graph
    found = RunItems.of("run", [(task_key("join"), item("join", SUCCESS)), (BUCKET, item("join"))])
    assert unfinished_tasks(graph, found).passed
