"""What is chosen to be cleared or marked, and what becomes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.plans.by_hand import (
    Choice,
    Clear,
    Leave,
    Mark,
    Plan,
    alteration_of,
    chosen,
    clearing,
    clears_behind,
    end_awaits,
    in_order,
    marking,
    marks_ahead,
    to_be_decided,
)
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.reasons import MARKED_FAILED
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.changes import end_of
from chalicelib.domain.tasks.keys import parse_task_key, task_key
from chalicelib.domain.tasks.run_items import RunItems, levels_in
from chalicelib.domain.tasks.task_instances import TaskInstance, TaskInstanceChange
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.examples import a_run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUCCESS, FAILED, RUNNING = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.RUNNING
SKIPPED, UPSTREAM_FAILED = TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED

GRAPH = ScriptedDag(
    [
        Shape("a"),
        Shape("b", ("a",)),
        Shape("c", ("b",)),
        Shape("d", ("c",)),
        Shape("other", ("a",), retries=2),
    ]
).graph
STATES = {"a": SUCCESS, "b": FAILED, "c": UPSTREAM_FAILED, "other": RUNNING}
ITEMS = RunItems.of(
    "run",
    (
        (task_key(name), TaskInstance(run_uid="run", task_id=name, state=state, clears=number))
        for number, (name, state) in enumerate(STATES.items())
    ),
)


def names(**options: object) -> list[str]:
    return [item.task_id for item in chosen(GRAPH, ITEMS, Choice(**options))]  # type: ignore[arg-type]  # options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["a", "b", "c", "d", "other"]),
        ({"task_ids": ("c", "a")}, ["a", "c"]),
        ({"task_ids": ("c",), "upstream": True}, ["a", "b", "c"]),
        ({"task_ids": ("b",), "downstream": True}, ["b", "c", "d"]),
        ({"task_ids": ("b",), "upstream": True, "downstream": True}, ["a", "b", "c", "d"]),
        ({"only_failed": True}, ["b", "c"]),
        ({"only_running": True}, ["other"]),
        ({"only_failed": True, "only_running": True}, ["b", "c", "other"]),
        ({"task_ids": ("a",), "downstream": True, "only_failed": True}, ["b", "c"]),
    ],
)
def test_a_choice_is_by_name_place_and_state(options: dict[str, object], expected: list[str]) -> None:
    assert names(**options) == expected


def test_a_task_that_is_not_in_the_graph_cannot_be_chosen() -> None:
    with pytest.raises(TaskNotFound):
        names(task_ids=("nowhere",))


def test_a_plan_names_each_as_it_was() -> None:
    plan = clearing(GRAPH, ITEMS, chosen(GRAPH, ITEMS, Choice(task_ids=("b", "d"))))
    assert plan == Plan(cleared={"b#-1": 1, "d#-1": 0})
    assert Plan.from_text(plan.as_text()) == plan


def test_a_plan_that_was_kept_before_tasks_could_be_mapped_is_still_read() -> None:
    text = '{"cleared": {"b": 1}, "marked": {"a": 2}, "state": "failed"}'
    assert Plan.from_text(text) == Plan(cleared={"b#-1": 1}, marked={"a#-1": 2}, state=FAILED)


def test_what_had_failed_downstream_of_a_marked_task_is_cleared() -> None:
    found, plan = marking(GRAPH, ITEMS, Choice(task_ids=("b",)), SUCCESS)
    assert [item.task_id for item in found] == ["b"]
    assert plan == Plan(marked={"b#-1": 1}, cleared={"c#-1": 2}, state=SUCCESS)


def test_what_has_the_state_already_is_not_marked() -> None:
    found, plan = marking(GRAPH, ITEMS, Choice(task_ids=("a",)), SUCCESS)
    assert found == []
    assert plan == Plan(cleared={"b#-1": 1, "c#-1": 2}, state=SUCCESS)


def test_what_is_marked_failed_downstream_is_cleared_as_in_airflow() -> None:
    found, plan = marking(GRAPH, ITEMS, Choice(task_ids=("b",), downstream=True), FAILED)
    assert [item.task_id for item in found] == ["c", "d"]
    assert plan == Plan(cleared={"c#-1": 2, "d#-1": 0}, state=FAILED)


KEPT = {"try_number", "map_length", "map_levels"}
"""What a clear leaves as it is: tries are counted on, and what was expanded stays so."""


def test_a_clear_leaves_nothing_of_a_try() -> None:
    every = set(TaskInstanceChange.__annotations__)
    item = TaskInstance(run_uid="run", task_id="other", state=RUNNING, try_number=3, clears=4)
    change = changes.cleared(GRAPH.tasks["other"], item, NOON)
    assert set(change) == every - KEPT
    cleared = replace(item, **change)
    assert (cleared.state, cleared.try_number, cleared.clears, cleared.max_tries) == (None, 3, 5, 5)
    blank = TaskInstance(run_uid="run", task_id="other")
    said = ("try_number", "clears", "max_tries", "reason", "updated_at")
    assert replace(cleared, **{name: getattr(blank, name) for name in said}) == blank


def test_a_marked_task_keeps_its_dates() -> None:
    item = TaskInstance(
        run_uid="run", task_id="a", state=RUNNING, start_date=NOON, lease_token="token", try_number=2
    )
    marked = replace(item, **changes.marked(item, SUCCESS, NOON + timedelta(seconds=9)))
    assert (marked.state, marked.start_date, marked.duration, marked.try_number) == (SUCCESS, NOON, 9.0, 2)
    assert (marked.lease_token, marked.clears) == (None, 1)


def test_a_try_that_is_cleared_while_it_runs_counts_as_failed() -> None:
    item = TaskInstance(run_uid="run", task_id="a", state=RUNNING, start_date=NOON, try_number=2)
    record = changes.cleared_try(item, NOON + timedelta(seconds=9))
    assert record is not None
    assert (record.try_number, record.state, record.duration) == (2, FAILED, 9.0)


@pytest.mark.parametrize("item", [{"state": None, "try_number": 2}, {"state": SKIPPED, "try_number": 0}])
def test_what_was_not_tried_leaves_no_record(item: dict[str, object]) -> None:
    assert changes.cleared_try(TaskInstance(run_uid="run", task_id="a", **item), NOON) is None  # type: ignore[arg-type]  # fields


def over(state: DagRunState, reason: str) -> DagRun:
    return a_run(state=state, reason=reason)


@pytest.mark.parametrize(
    ("run", "running", "waiting"),
    [
        (over(DagRunState.FAILED, MARKED_FAILED), FAILED, SKIPPED),
        (over(DagRunState.FAILED, "timed_out"), SKIPPED, SKIPPED),
        (over(DagRunState.SUCCESS, "marked"), SUCCESS, SUCCESS),
    ],
)
def test_tasks_end_with_their_run(
    run: DagRun, running: TaskInstanceState, waiting: TaskInstanceState
) -> None:
    assert end_of(run, TaskInstance(run_uid="run", task_id="a", state=RUNNING)) is running
    assert end_of(run, TaskInstance(run_uid="run", task_id="a")) is waiting


def current(**states: TaskInstanceState | None) -> RunItems:
    return items_of(
        *(TaskInstance(run_uid="run", task_id=name, state=state) for name, state in states.items())
    )


def items_of(*instances: TaskInstance) -> RunItems:
    return RunItems.of("run", ((item.key, item) for item in instances))


@pytest.mark.parametrize(
    ("task_id", "clears", "expected"),
    [
        ("a", 0, Mark(state=FAILED)),
        ("a", 1, Leave(reason="it was altered since the plan was made")),
        ("b", 2, Clear()),
        ("b", 3, Leave(reason="it was altered since the plan was made")),
        ("c", 0, Leave(reason="the plan does not name it")),
    ],
)
def test_a_plan_alters_what_is_as_it_was_when_the_plan_was_made(
    task_id: str, clears: int, expected: Mark | Clear | Leave
) -> None:
    plan = Plan(marked={"a#-1": 0}, cleared={"b#-1": 2}, state=FAILED)
    assert alteration_of(plan, TaskInstance(run_uid="run", task_id=task_id, clears=clears)) == expected


@pytest.mark.parametrize(("state", "is_ahead"), [(None, True), (RUNNING, True), (SUCCESS, False)])
def test_a_mark_is_ahead_of_upstreams_that_are_not_over(
    state: TaskInstanceState | None, is_ahead: bool
) -> None:
    assert marks_ahead(GRAPH, Plan(marked={"b#-1": 0}), current(a=state)) is is_ahead


def test_a_clear_is_behind_what_has_begun_and_is_not_cleared_with_it() -> None:
    assert clears_behind(GRAPH, Plan(cleared={"a#-1": 0}), current(b=RUNNING))
    assert not clears_behind(GRAPH, Plan(cleared={"a#-1": 0}), current())
    assert not clears_behind(GRAPH, Plan(cleared={"a#-1": 0, "b#-1": 0, "other#-1": 0}), current(b=RUNNING))


def test_the_end_of_the_run_awaits_a_cleared_task_through_what_is_still_to_be_decided() -> None:
    plan = Plan(cleared={"a#-1": 0})
    assert is_awaited(GRAPH, plan, "d#-1", current())  # a leaf reports itself
    assert is_awaited(GRAPH, plan, "a#-1", current(b=SUCCESS))  # through "other"
    assert not is_awaited(GRAPH, plan, "a#-1", current(b=SUCCESS, other=SUCCESS))
    both = Plan(cleared={"a#-1": 0, "b#-1": 0})
    assert is_awaited(GRAPH, both, "a#-1", current(b=SUCCESS, other=SUCCESS))


def is_awaited(graph: Graph, plan: Plan, key: str, items: RunItems) -> bool:
    """Whether the end of the run waits for an instance without being told to."""
    task_id, map_index = parse_task_key(key)
    item = items.instance_of(graph.tasks[task_id], map_index)
    return end_awaits(graph, item, to_be_decided(graph, plan, items), levels_in(graph, items))


# -- mapped tasks ------------------------------------------------------------------------------------


def mapped(name: str, length: Literal | OutputOf) -> Graph:
    """The graph with one task of it mapped."""
    task = replace(GRAPH.tasks[name], expansion=Expansion(own=length))
    return Graph(GRAPH.dag_id, {**GRAPH.tasks, name: task})


MAPPED = mapped("b", OutputOf(task_id="a"))
EXPANDED = items_of(
    TaskInstance(run_uid="run", task_id="a", state=SUCCESS),
    TaskInstance(run_uid="run", task_id="b", map_length=3, clears=7),
    TaskInstance(run_uid="run", task_id="b", map_index=0, state=SUCCESS, map_length=3),
    TaskInstance(run_uid="run", task_id="b", map_index=1, state=FAILED, map_length=3, clears=2),
    TaskInstance(run_uid="run", task_id="c", state=UPSTREAM_FAILED),
)


def keys(graph: Graph, items: RunItems, **options: object) -> list[str]:
    return [item.key for item in chosen(graph, items, Choice(**options))]  # type: ignore[arg-type]  # options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"task_ids": ("b",)}, ["b#0", "b#1", "b#2"]),
        ({"task_ids": ("b",), "map_indexes": (2, 0)}, ["b#0", "b#2"]),
        ({"task_ids": ("b",), "map_indexes": (9,)}, []),
        ({"task_ids": ("b",), "map_indexes": (1,), "downstream": True}, ["b#1", "c#-1", "d#-1"]),
        ({"task_ids": ("c",), "map_indexes": (-1,), "upstream": True}, ["a#-1", "b#0", "b#1", "b#2", "c#-1"]),
        ({"map_indexes": (1,)}, ["b#1"]),
        ({"only_failed": True}, ["b#1", "c#-1"]),
    ],
)
def test_of_a_mapped_task_all_instances_are_chosen_or_those_of_some_indexes(
    options: dict[str, object], expected: list[str]
) -> None:
    assert keys(MAPPED, EXPANDED, **options) == expected


def test_a_mapped_task_that_is_not_expanded_is_one_instance_unless_the_file_tells_its_length() -> None:
    assert keys(MAPPED, items_of(), task_ids=("b",)) == ["b#-1"]
    assert keys(mapped("b", Literal(count=2)), items_of(), task_ids=("b",)) == ["b#0", "b#1"]


def test_an_index_is_cleared_with_the_unexpanded_instance_which_decides_anew() -> None:
    found = chosen(MAPPED, EXPANDED, Choice(task_ids=("b",), map_indexes=(1,)))
    assert clearing(MAPPED, EXPANDED, found) == Plan(cleared={"b#-1": 7, "b#1": 2})
    unexpanded = chosen(MAPPED, items_of(), Choice(task_ids=("b",)))
    assert clearing(MAPPED, items_of(), unexpanded) == Plan(cleared={"b#-1": 0})


def test_an_index_is_marked_by_itself() -> None:
    found, plan = marking(MAPPED, EXPANDED, Choice(task_ids=("b",), map_indexes=(1,)), SUCCESS)
    assert [item.key for item in found] == ["b#1"]
    assert plan == Plan(marked={"b#1": 2}, cleared={"c#-1": 0}, state=SUCCESS)


def test_a_task_that_was_expanded_since_is_not_marked_as_a_whole() -> None:
    plan = Plan(marked={"b#-1": 7})
    assert alteration_of(plan, EXPANDED.instance("b")) == Leave(
        reason="it was expanded since the plan was made"
    )


def test_the_failed_indexes_after_a_marked_task_are_cleared() -> None:
    _, plan = marking(MAPPED, EXPANDED, Choice(task_ids=("a",)), FAILED)
    assert plan == Plan(marked={"a#-1": 0}, cleared={"b#-1": 7, "b#1": 2, "c#-1": 0}, state=FAILED)


def test_keys_come_in_topological_order_and_by_map_index() -> None:
    assert in_order(MAPPED, ["c#-1", "b#10", "gone#-1", "b#9", "b#-1", "a#-1"]) == [
        "a#-1",
        "b#-1",
        "b#9",
        "b#10",
        "c#-1",
    ]


def test_each_instance_before_or_after_what_is_altered_counts() -> None:
    assert marks_ahead(MAPPED, Plan(marked={"c#-1": 0}), EXPANDED)  # b#2 has not begun
    assert clears_behind(MAPPED, Plan(cleared={"a#-1": 0, "other#-1": 0, "b#0": 0}), EXPANDED)  # b#1 has
    assert not clears_behind(MAPPED, Plan(cleared={"a#-1": 0, "b#0": 0, "b#1": 2, "c#-1": 0}), EXPANDED)
    assert is_awaited(MAPPED, Plan(cleared={"a#-1": 0}), "a#-1", EXPANDED)  # through b#2


def test_a_task_that_has_instances_does_not_end_itself() -> None:
    ended = items_of(*EXPANDED.by_key.values(), item_of("b#2", SUCCESS), item_of("c#-1", SUCCESS))
    plan = Plan(cleared={"b#-1": 7, "b#1": 2})
    assert is_awaited(MAPPED, plan, "b#-1", ended)
    assert not is_awaited(MAPPED, plan, "b#1", ended)


def test_in_a_mapped_group_an_instance_is_awaited_by_those_of_its_own_index() -> None:
    outer = MappedGroup(group_id="g", length=Literal(count=2))
    inner = MappedGroup(group_id="g.h", length=Literal(count=3))
    shapes = [
        Shape("g.a", expansion=Expansion(groups=(outer,))),
        Shape("g.h.b", ("g.a",), expansion=Expansion(groups=(outer, inner))),
        Shape("g.c", ("g.h.b",), expansion=Expansion(groups=(outer,))),
    ]
    graph = ScriptedDag(shapes).graph
    decided = [
        *(f"g.a#{index}" for index in range(2)),
        *(f"g.h.b#{index}" for index in range(6) if index != 4),
    ]
    items = items_of(*(item_of(key, SUCCESS) for key in decided), item_of("g.c#0", SUCCESS))
    plan = Plan(cleared={"g.a#-1": 0, "g.a#0": 0, "g.a#1": 0, "g.h.b#1": 0, "g.h.b#5": 0})
    assert [is_awaited(graph, replace(plan, cleared={}), f"g.a#{index}", items) for index in (0, 1)] == [
        False,  # all that hears of it is over
        True,  # through g.h.b#4
    ]
    assert is_awaited(graph, plan, "g.a#0", items)  # through g.h.b#1, which is cleared
    assert not is_awaited(graph, plan, "g.h.b#1", items)  # g.c#0 is over
    assert is_awaited(graph, plan, "g.h.b#5", items)  # through g.c#1


def item_of(key: str, state: TaskInstanceState) -> TaskInstance:
    task_id, map_index = parse_task_key(key)
    return TaskInstance(run_uid="run", task_id=task_id, map_index=map_index, state=state)
