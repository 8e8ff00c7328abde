"""Which notes of tasks that were cleared still count."""

from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.arrivals import arrived
from chalicelib.domain.tasks.notes import HEARD, OWED, Notes, arrived_numbers, ended_numbers
from chalicelib.domain.tasks.voiding import VOID, coded, is_void, standing
from tests.scripted.dags import ScriptedDag, Shape

SUCCESS, FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
GRAPH = ScriptedDag([Shape("a"), Shape("b"), Shape("c", ("a", "b"))]).graph
JOIN = GRAPH.join_before("c")


def notes(**named: set[int]) -> Notes:
    return {name: frozenset(codes) for name, codes in named.items()}


def test_marks_of_a_run_that_nobody_cleared_are_taken_as_they_are() -> None:
    plain = notes(success={0, 1})
    assert standing(plain) is plain


def test_what_a_task_told_before_it_was_cleared_does_not_count() -> None:
    left = notes(success={0}, failed={1}, void={coded(1, 0)})
    assert standing(left) == notes(success={0}, failed=set())
    assert arrived_numbers(left) == {0}
    assert not arrived(JOIN, left).complete


def test_a_large_number_is_not_taken_for_one_left_after_a_clear() -> None:
    left = notes(success={coded(1_000_000, 1)}, void={coded(1_000_000, 0), coded(0, 0)})
    assert arrived_numbers(left) == ended_numbers(left, frozenset()) == {1_000_000}


def test_what_it_tells_after_that_counts() -> None:
    left = notes(success={0, coded(1, 1)}, failed={1}, void={coded(1, 0)})
    known = arrived(JOIN, left)
    assert (known.complete, {*known.seen}) == (True, {SUCCESS})


def test_a_void_holds_for_all_that_was_left_after_fewer_clears() -> None:
    left = notes(success={1, coded(1, 1)}, failed={coded(1, 2)}, void={coded(1, 1)})
    assert standing(left) == notes(success=set(), failed={1})
    assert [is_void(left, 1, clears) for clears in range(4)] == [True, True, False, False]
    assert not is_void(left, 0, 0)


def test_an_order_to_skip_is_void_with_the_end_of_who_gave_it() -> None:
    left = notes(success={0, 1}, skip_order={1}, void={1})
    assert not arrived(JOIN, left).skip_ordered


def test_the_end_of_a_run_waits_for_what_it_is_owed() -> None:
    end = Join(task_id=END_OF_RUN, upstream=("c",), trigger_rule=TriggerRule.ALL_DONE)
    reported = {"success": frozenset({0}), OWED: frozenset({coded(1, 1)}), VOID: frozenset({1})}
    assert not arrived(end, reported).complete
    assert not arrived(end, {**reported, HEARD: frozenset({1})}).complete
    assert arrived(end, {**reported, HEARD: frozenset({coded(1, 1)})}).complete
    cleared_again = {**reported, VOID: frozenset({coded(1, 1)})}
    assert arrived(end, cleared_again).complete
