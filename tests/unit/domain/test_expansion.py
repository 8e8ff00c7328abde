"""What a task is mapped over: how many instances that makes, and who hears of which."""

import pytest

from chalicelib.domain.graph.expansion import (
    Concat,
    Expansion,
    Length,
    Literal,
    MappedGroup,
    OutputOf,
    Product,
    Zip,
    expansion_from_document,
    length_of,
)
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.join import END_OF_RUN
from chalicelib.domain.graph.trigger_rules import Arrived, TriggerRule, Verdict, judge
from chalicelib.domain.plans.steps import (
    End,
    Expand,
    Sources,
    Wait,
    judged,
    known_of_instance,
    mapped_step,
)
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import end_of_all, values_in
from chalicelib.domain.tasks.hearers import hearers_of, hearers_of_all, hearers_of_expansion
from chalicelib.domain.tasks.keys import join_key
from chalicelib.domain.tasks.notes import COMPLETE, VALUED
from chalicelib.domain.tasks.task_instances import TaskInstance
from tests.scripted.dags import ScriptedDag, Shape

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED
A, B = OutputOf(task_id="a"), OutputOf(task_id="b")


@pytest.mark.parametrize(
    ("length", "document", "count"),
    [
        (Literal(count=3), {"literal": 3}, 3),
        (A, {"output": "a"}, 4),
        (Product(parts=(A, B)), {"product": [{"output": "a"}, {"output": "b"}]}, 24),
        (Zip(parts=(A, B), longest=False), {"zip": [{"output": "a"}, {"output": "b"}], "longest": False}, 4),
        (Zip(parts=(A, B), longest=True), {"zip": [{"output": "a"}, {"output": "b"}], "longest": True}, 6),
        (Concat(parts=(A, Literal(count=1))), {"concat": [{"output": "a"}, {"literal": 1}]}, 5),
    ],
)
def test_a_length_is_read_and_counted(length: Length, document: dict[str, object], count: int) -> None:
    expansion = expansion_from_document({"own": document})
    assert expansion == Expansion(own=length)
    assert length_of(length, {"a": 4, "b": 6}) == count


def test_an_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not a length"):
        expansion_from_document({"own": {"guess": 3}})


def test_the_dag_file_tells_the_length_of_literals_alone() -> None:
    groups = (MappedGroup(group_id="g", length=Literal(count=2)), MappedGroup(group_id="g.h", length=A))
    assert Expansion(groups=groups).literal is None
    assert Expansion(groups=groups).sources == ("a",)
    assert Expansion(groups=groups[:1]).literal == 2
    assert expansion_from_document(None) is None


# -- who hears of which ------------------------------------------------------------------------------


def in_group(*groups: tuple[str, Length], is_direct: bool = True) -> Expansion:
    return Expansion(
        groups=tuple(MappedGroup(group_id=name, length=length) for name, length in groups),
        is_direct=is_direct,
    )


OVER_OUTPUT, NESTED = in_group(("g", A)), in_group(("g", A), ("g.h", Literal(count=3)))


def graph(*shapes: Shape) -> Graph:
    return ScriptedDag([Shape("a", returns=4), *shapes]).graph


def heard(made: Graph, task_id: str, map_index: int, *levels: int) -> list[tuple[str, int]]:
    item = TaskInstance(
        run_uid="run",
        task_id=task_id,
        map_index=map_index,
        state=SUCCESS,
        map_length=levels[0],
        map_levels=levels if len(levels) > 1 else (),
    )
    known = {name: (4, 3) for name in made.tasks if len(made.tasks[name].groups) > 1}
    return [(join_key(hearer.join), hearer.path[0].number) for hearer in hearers_of(made, item, known)]


def test_in_a_mapped_group_each_instance_tells_its_own_follower() -> None:
    made = graph(Shape("b", ("a",), expansion=OVER_OUTPUT), Shape("c", ("b",), expansion=OVER_OUTPUT))
    assert heard(made, "b", 2, 4) == [("c#2", 0)]
    assert heard(made, "c", 2, 4) == [("c#-1#ends", 2)]
    assert made.end_of_run.upstream == ("c",)
    assert [join.task_id for join in hearers_of_expansion(made, made.tasks["b"])] == ["c"]


@pytest.mark.parametrize("rule", ["one_success", "one_failed", "one_done"])
def test_rules_that_may_be_met_early_look_at_all_instances_of_an_upstream(rule: str) -> None:
    made = graph(Shape("b", ("a",), expansion=OVER_OUTPUT), Shape("c", ("b",), rule, expansion=OVER_OUTPUT))
    assert heard(made, "b", 2, 4) == [("b#-1#ends", 2)]


def test_in_a_plain_group_inside_the_mapped_one_they_do_not() -> None:
    inside = in_group(("g", A), is_direct=False)
    made = graph(
        Shape("b", ("a",), expansion=OVER_OUTPUT), Shape("c", ("b",), "one_failed", expansion=inside)
    )
    assert heard(made, "b", 2, 4) == [("b#-1#ends", 2), ("c#2", 0)]


def test_in_groups_inside_one_another_an_index_counts_through_both() -> None:
    made = graph(
        Shape("b", ("a",), expansion=OVER_OUTPUT),
        Shape("c", ("b",), expansion=NESTED),
        Shape("d", ("c",), expansion=OVER_OUTPUT),
    )
    assert heard(made, "b", 2, 4) == [("c#6", 0), ("c#7", 0), ("c#8", 0)]
    assert heard(made, "c", 7, 4, 3) == [("c#-1#ends-1-00002", 1)]
    item = TaskInstance(run_uid="run", task_id="c", map_index=7, map_length=12, map_levels=(4, 3))
    met = next(iter(hearers_of(made, item, {}))).join
    notes = {"success": frozenset({0, 1, 2})}
    (after,) = hearers_of_all(made, met, notes, {})
    assert (join_key(after.join), after.end.is_complete) == ("d#2", True)


def test_more_instances_than_an_item_holds_meet_in_buckets() -> None:
    made = graph(Shape("b", ("a",), expansion=Expansion(own=A)), Shape("c", ("b",)))
    item = TaskInstance(run_uid="run", task_id="b", map_index=130, state=SUCCESS, map_length=200)
    (hearer,) = hearers_of(made, item, {})
    assert [(place.key, place.number, place.size) for place in hearer.path] == [
        ("b#-1#ends#bucket-00002", 2, 64),
        ("b#-1#ends", 2, 4),
    ]


def test_what_all_instances_have_come_to_is_told_as_it_is_decisive() -> None:
    made = graph(Shape("b", ("a",), expansion=Expansion(own=A)), Shape("c", ("b",)))
    item = TaskInstance(run_uid="run", task_id="b", map_index=0, state=FAILED, map_length=3)
    (hearer,) = hearers_of(made, item, {})
    some = {"failed": frozenset({0}), "success": frozenset({1})}
    every = {**some, "skipped": frozenset({2}), VALUED: frozenset({1})}
    assert not end_of_all(hearer.join, some).is_complete
    assert end_of_all(hearer.join, every).states == {FAILED, SUCCESS, SKIPPED}
    assert values_in(hearer.join, every) == 1
    targets = [after.join.task_id for after in hearers_of_all(made, hearer.join, every, {})]
    assert targets == ["c"]
    assert made.end_of_run.upstream == ("c",)
    assert END_OF_RUN not in targets


# -- decisions ---------------------------------------------------------------------------------------

ENDED_WELL = Arrived(seen=frozenset({SUCCESS}), complete=True)
WAITING = Arrived(seen=frozenset(), complete=False)
FAILING = Arrived(seen=frozenset({FAILED}), complete=False)


@pytest.mark.parametrize(
    ("length", "known", "sources", "kind"),
    [
        (A, WAITING, Sources(lengths={}), Wait),
        (A, ENDED_WELL, Sources(lengths={"a": 3}), Expand),
        (A, ENDED_WELL, Sources(lengths={"a": 0}), End),
        (A, ENDED_WELL, Sources(lengths={}, ended=frozenset({FAILED})), End),
        (A, FAILING, Sources(lengths={}), End),
        (Literal(count=3), FAILING, Sources(lengths={}), Expand),
        (Literal(count=0), ENDED_WELL, Sources(lengths={}), End),
    ],
)
def test_a_mapped_task_waits_gets_its_instances_or_ends_without_any(
    length: Length, known: Arrived, sources: Sources, kind: type
) -> None:
    task = graph(Shape("b", ("a",), expansion=Expansion(own=length))).tasks["b"]
    assert isinstance(mapped_step(task, known, sources), kind)


@pytest.mark.parametrize(
    ("ended", "verdict"), [({SKIPPED}, Verdict.SKIP), ({FAILED, SKIPPED}, Verdict.UPSTREAM_FAILED)]
)
def test_a_task_without_what_it_is_mapped_over_ends_like_that(
    ended: set[TaskInstanceState], verdict: Verdict
) -> None:
    task = graph(Shape("b", ("a",), rule="all_done", expansion=Expansion(own=A))).tasks["b"]
    sources = Sources(lengths={}, ended=frozenset(ended))
    step = mapped_step(task, ENDED_WELL, sources)
    assert isinstance(step, End)
    assert step.judgement.verdict is verdict


@pytest.mark.parametrize(
    ("rule", "own", "common", "verdict"),
    [
        ("all_success", None, FAILED, Verdict.UPSTREAM_FAILED),
        ("all_success", None, SUCCESS, Verdict.WAIT),
        ("all_success", SUCCESS, SUCCESS, Verdict.RUN),
        ("all_success", SKIPPED, SUCCESS, Verdict.SKIP),
        ("none_failed_min_one_success", SKIPPED, SUCCESS, Verdict.RUN),
        ("none_failed_min_one_success", SUCCESS, SKIPPED, Verdict.RUN),
        ("all_done", FAILED, SUCCESS, Verdict.RUN),
    ],
)
def test_what_all_instances_have_in_common_counts_for_each(
    rule: str, own: TaskInstanceState | None, common: TaskInstanceState, verdict: Verdict
) -> None:
    group = in_group(("g", Literal(count=2)))
    dag = graph(Shape("a", expansion=group), Shape("c"), Shape("b", ("a", "c"), rule=rule, expansion=group))
    whole = TaskInstance(run_uid="uid", task_id="b", map_length=2, notes={common: frozenset({0})})
    item = TaskInstance(run_uid="uid", task_id="b", map_index=1, notes={own: frozenset({0})} if own else {})
    assert judged(dag, dag.tasks["b"], item, whole).verdict is verdict


def test_an_upstream_in_the_group_that_ended_without_instances_counts_for_each_index() -> None:
    group = in_group(("g", A))
    upstream = Shape("b", ("a",), rule="all_failed", expansion=group)
    dag = graph(Shape("a", returns=2), upstream, Shape("c", ("b",), rule="all_done", expansion=group))
    number = dag.join_before("c").number("b")
    told = {SKIPPED: frozenset({number}), COMPLETE: frozenset({number})}
    whole = TaskInstance(run_uid="uid", task_id="c", map_length=2, notes=told)
    item = TaskInstance(run_uid="uid", task_id="c", map_index=1)
    assert judged(dag, dag.tasks["c"], item, whole).verdict is Verdict.RUN


def test_an_instance_without_upstreams_of_its_own_goes_by_those_of_its_task() -> None:
    """Also one that is opened late, by a sweep."""
    made = graph(Shape("b", ("a",), expansion=Expansion(own=Literal(count=2))))
    whole = TaskInstance(run_uid="run", task_id="b", map_length=2, notes={"skipped": frozenset({0})})
    item = TaskInstance(run_uid="run", task_id="b", map_index=1, map_length=2)
    known = known_of_instance(made, made.tasks["b"], item, whole)
    assert judge(TriggerRule.ALL_SUCCESS, known).verdict is Verdict.SKIP


def test_an_upstream_reports_where_an_instance_may_end_before_it() -> None:
    in_one = in_group(("g", Literal(count=1)))
    made = graph(
        Shape("setup", role="setup", expansion=in_one),
        Shape("work", ("a", "setup"), expansion=in_one),
        Shape("after", ("work",), expansion=in_one),
    )
    assert "work" in made.end_of_run.upstream
