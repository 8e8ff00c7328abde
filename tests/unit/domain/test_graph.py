"""What follows from the shape of a DAG."""

from datetime import UTC, datetime

import pytest

from chalicelib.domain.errors import TaskNotFound
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.graph.join import END_OF_RUN
from tests.scripted.dags import ScriptedDag, Shape


def graph(*shapes: Shape) -> Graph:
    return ScriptedDag(list(shapes)).graph


def test_only_the_leaf_of_a_chain_reports_at_the_end_of_the_run() -> None:
    chain = graph(Shape("a"), Shape("b", ("a",)), Shape("c", ("b",)))
    assert chain.end_of_run.upstream == ("c",)
    assert [join.task_id for join in chain.joins_after("b")] == ["c"]
    assert [join.task_id for join in chain.joins_after("c")] == [END_OF_RUN]


def test_a_task_whose_successors_may_end_before_it_reports_too() -> None:
    made = graph(Shape("fast"), Shape("slow"), Shape("join", ("fast", "slow"), rule="one_success"))
    assert made.end_of_run.upstream == ("fast", "slow", "join")


def test_one_waiting_successor_is_enough_not_to_report() -> None:
    made = graph(
        Shape("a"),
        Shape("eager", ("a",), rule="one_failed"),
        Shape("waiting", ("a",), rule="all_done"),
    )
    assert made.end_of_run.upstream == ("eager", "waiting")


def test_a_run_starts_with_what_nothing_precedes_and_what_always_runs() -> None:
    made = graph(Shape("a"), Shape("b", ("a",)), Shape("c", ("b",), rule="always"))
    assert [task.task_id for task in made.opened_at_start] == ["c", "a"]


def test_what_may_be_skipped_from_afar_lies_behind_a_short_circuit_but_not_directly() -> None:
    made = graph(
        Shape("short", behaviour="short"),
        Shape("other"),
        Shape("near", ("short", "other")),
        Shape("far", ("near", "other")),
    )
    assert made.ordered_from_afar == {"far"}


def test_an_order_is_passed_on_by_what_cannot_be_running() -> None:
    made = graph(
        Shape("short", behaviour="short"),
        Shape("near", ("short",)),
        Shape("eager", ("near",), rule="one_success"),
        Shape("behind", ("eager",)),
    )
    assert made.passes_through("short", frozenset({"near"}), frozenset({"near", "eager", "behind"})) == {
        "near",
        "eager",
    }


def test_behind_what_another_task_may_have_skipped_before_an_order_comes_a_task_may_run() -> None:
    made = graph(
        Shape("short", behaviour="short"),
        Shape("other", behaviour="skip"),
        Shape("near", ("other", "short")),
        Shape("far", ("near", "other"), rule="all_skipped"),
    )
    assert made.passes_through("short", frozenset({"near"}), frozenset({"near", "far"})) == {"near"}


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(TaskNotFound, match="Task nope not found in dag scripted"):
        graph(Shape("a")).task("nope")


WORK_IN_SETUP = [
    Shape("setup", role="setup"),
    Shape("near", ("setup",)),
    Shape("far", ("near",), rule="all_done"),
    Shape("eager", ("near", "far"), rule="one_failed"),
    Shape("teardown", ("setup", "far"), rule="all_done_setup_success", role="teardown"),
    Shape("beyond", ("teardown",)),
]


def test_a_task_needs_the_setups_whose_teardowns_come_after_it() -> None:
    made = graph(*WORK_IN_SETUP)
    needed = {task_id: setups for task_id, setups in made.indirect_setups.items() if setups}
    # what comes after the teardown, or beside it, needs the setup no more
    assert needed == {"far": {"setup"}}
    assert made.needing("setup") == ("far",)


def test_a_setup_without_teardown_is_needed_by_all_that_follows_but_what_always_runs() -> None:
    made = graph(
        Shape("setup", role="setup"),
        Shape("near", ("setup",)),
        Shape("far", ("near",), rule="all_failed"),
        Shape("strict", ("near",)),
        Shape("always", ("near",), rule="always"),
    )
    assert made.needing("setup") == ("far", "strict")
    assert made.join_before("far").listens_to == ("setup",)
    assert made.join_before("strict").listens_to == ()  # it ends as near does, and near as the setup lets it
    assert made.join_before("always").listens_to == ()


def test_a_task_listens_to_a_setup_whose_end_its_upstreams_do_not_imply() -> None:
    made = graph(
        Shape("setup", role="setup"),
        Shape("near", ("setup",)),
        Shape("always", ("near",), rule="always"),
        Shape("far", ("always",)),
    )
    assert made.join_before("far").listens_to == ("setup",)
    assert [join.task_id for join in made.joins_after("setup")] == ["near", "far"]


def test_teardowns_do_not_decide_about_the_run_and_what_they_follow_does() -> None:
    made = graph(*WORK_IN_SETUP[:-1])
    assert made.decisive == {"eager"}
    assert made.end_of_run.upstream == ("eager", "teardown")
    only_work = graph(*[shape for shape in WORK_IN_SETUP[:-1] if shape.task_id != "eager"])
    assert only_work.decisive == {"far"}
    assert only_work.end_of_run.upstream == ("far", "teardown")


def test_a_teardown_that_may_fail_the_run_decides_like_any_task() -> None:
    made = graph(
        Shape("work"),
        Shape("last", ("work",), rule="all_done_setup_success", role="teardown", fails_run=True),
    )
    assert made.decisive == {"last"}
    assert made.end_of_run.upstream == ("last",)


def test_among_nothing_but_teardowns_the_last_ones_decide() -> None:
    made = graph(Shape("first", role="teardown"), Shape("last", ("first",), role="teardown"))
    assert made.decisive == {"last"}


DATED = [
    Shape("old", end_date="2024-01-03T00:00:00+00:00"),
    Shape("a", behaviour="short"),
    Shape("new", ("a",), start_date="2024-01-05T00:00:00+00:00"),
    Shape("last", ("old", "new")),
    Shape("always", ("new",), rule="always"),
]


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "left_out"),
    [(day(3), {"new"}), (day(4), {"old", "new"}), (day(5), {"old"})],
)
def test_a_run_has_the_tasks_whose_dates_include_it(date: datetime, left_out: set[str]) -> None:
    made = graph(*DATED)
    part = made.within(date)
    assert made.tasks.keys() - part.tasks.keys() == left_out
    assert set(part.join_before("last").missing) == left_out
    assert part is made.within(date)


def test_a_graph_whose_dates_exclude_no_task_is_that_of_the_run() -> None:
    made = graph(Shape("a"), Shape("b", ("a",), start_date="2024-01-05T00:00:00+00:00"))
    assert made.within(day(5)) is made


def test_a_backfill_has_what_starts_later_and_not_what_has_ended() -> None:
    part = graph(*DATED).within(day(4), is_backfill=True)
    assert "new" in part.tasks
    assert "old" not in part.tasks


def test_what_lies_between_two_tasks_counts_although_the_run_has_it_not() -> None:
    part = graph(*DATED).within(day(4))
    assert part.decisive == {"last", "always"}
    assert part.deadlock_prone == {"last"}
