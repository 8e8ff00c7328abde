"""What branches and short circuits skip."""

from typing import Any

import pytest

from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.task_group import TaskGroup
from chalicelib.authoring.operators.branch import BaseBranchOperator, SkipMixin
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator
from chalicelib.authoring.taskflow.decorators import task
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import FakeXComs, a_dag, run


def branching(chosen: Any) -> DAG:
    with a_dag() as dag:
        fork = BranchPythonOperator(task_id="fork", python_callable=lambda: chosen)
        left, right, join = (EmptyOperator(task_id=name) for name in ("left", "right", "join"))
        with TaskGroup("g") as group:
            EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
        fork >> [left, right] >> join
        fork >> join
        fork >> group
    return dag


@pytest.mark.parametrize(
    ("chosen", "skipped"),
    [
        ("left", {"right", "g.first"}),
        (("left", "right"), {"g.first"}),
        ({"join"}, {"left", "right", "g.first"}),
        ("g", {"left", "right", "join"}),
        ("fork", set()),
        (None, {"left", "right", "join", "g.first"}),
        ([], {"left", "right", "join", "g.first"}),
    ],
)
def test_what_a_branch_skips(chosen: Any, skipped: set[str]) -> None:
    outcome = run(branching(chosen), "fork")
    assert (outcome.result, {*outcome.skip}) == (TryResult.SUCCESS, skipped)


def test_a_branch_to_nowhere_fails_and_skips_nothing() -> None:
    outcome = run(branching(["left", "nope"]), "fork")
    assert (outcome.result, outcome.skip) == (TryResult.FAILED, frozenset())
    assert outcome.reason == (
        "AirflowException: 'branch_task_ids' must contain only valid task_ids. Invalid tasks found: {'nope'}."
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["left", "no", "way"], "contain only valid task_ids. Invalid tasks found: {'no', 'way'}."),
        (["left", 42], "expected all task IDs are strings. Invalid tasks found: {(42, 'int')}."),
        (42, "expected all task IDs are strings. Invalid tasks found: {(42, 'int')}."),
    ],
)
def test_what_names_no_task_is_told_in_airflows_words(chosen: Any, message: str) -> None:
    assert message in (run(branching(chosen), "fork").reason or "")


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("g", "contain only valid task_ids. Invalid tasks found: {'g'}."),
        (42, "must be either None, a task ID, or an Iterable of IDs, but got 'int'."),
    ],
)
def test_only_a_branch_takes_groups_for_their_first_tasks(chosen: Any, message: str) -> None:
    def choose(ti: Any) -> None:
        SkipMixin().skip_all_except(ti, chosen)

    with a_dag() as dag:
        with TaskGroup("g") as group:
            EmptyOperator(task_id="first")
        PythonOperator(task_id="choose", python_callable=choose) >> group
    assert message in (run(dag, "choose").reason or "")


@pytest.mark.parametrize(
    ("chosen", "followed"),
    [
        ("outer", {"outer.a", "outer.inner.c"}),
        ("outer.inner", {"outer.inner.c"}),
        (["outer.inner", "plain"], {"outer.inner.c", "plain"}),
        ("bare", {"f", "second.g"}),
        ("second", {"second.g"}),
        ("scoped", {"scoped.s"}),
        ("empty", set()),
        ("outer.a", {"outer.a"}),
        ("join", set()),
    ],
)
def test_a_branch_into_a_group_follows_its_first_tasks(chosen: Any, followed: set[str]) -> None:
    """The same runs ended so in Airflow 2.10.5."""
    with a_dag() as dag:
        fork = BranchPythonOperator(task_id="fork", python_callable=lambda: chosen)
        with TaskGroup("outer") as outer:
            EmptyOperator(task_id="a") >> EmptyOperator(task_id="e")
            with TaskGroup("inner"):
                EmptyOperator(task_id="c") >> EmptyOperator(task_id="d")
        with TaskGroup("bare", prefix_group_id=False) as bare:
            EmptyOperator(task_id="f")
        with TaskGroup("empty") as empty:
            pass
        with TaskGroup("scoped") as scoped:
            first = EmptyOperator(task_id="s").as_setup()
            with EmptyOperator(task_id="t").as_teardown(setups=first):
                EmptyOperator(task_id="w")
        with TaskGroup("second") as second:
            EmptyOperator(task_id="g")
        ways = [EmptyOperator(task_id="plain"), outer, bare, empty, scoped, second]
        fork >> ways >> EmptyOperator(task_id="join")
        bare >> second
    assert run(dag, "fork").skip == fork.downstream_task_ids - followed


def test_a_branch_operator_of_the_users() -> None:
    class ByDay(BaseBranchOperator):
        def choose_branch(self, context: Any) -> str:
            return "monday" if context["logical_date"].strftime("%A") == "Monday" else "other"

    with a_dag() as dag:
        ByDay(task_id="fork") >> [EmptyOperator(task_id="monday"), EmptyOperator(task_id="other")]
    assert run(dag, "fork").skip == {"other"}


def test_decorated_branches_short_circuits_and_commands() -> None:
    @task.branch
    def fork() -> str:
        return "go"

    @task.short_circuit(ignore_downstream_trigger_rules=False)  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def stop() -> bool:
        return False

    @task.bash(env={"A": "a"})  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def command(word: str) -> str:
        return f"echo $A {word} {{{{ ds }}}}"

    with a_dag() as dag:
        fork() >> [stop.override(task_id="stay")(), command.override(task_id="go")("b")]
        stop() >> EmptyOperator(task_id="near") >> EmptyOperator(task_id="far")
    xcoms = FakeXComs()
    assert run(dag, "fork").skip == {"stay"}
    assert run(dag, "stop").skip == {"near"}
    run(dag, "go", xcoms)
    assert xcoms.value("go") == "a b 2024-05-06"
    assert [dag.get_task(name).task_type for name in ("fork", "stop", "go")] == [
        "_BranchPythonDecoratedOperator", "_ShortCircuitDecoratedOperator", "_BashDecoratedOperator",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "ignores_rules", "skipped"),
    [(0, True, {"near", "far"}), (0, False, {"near"}), ("yes", True, set())],
)
def test_what_a_short_circuit_skips(value: Any, ignores_rules: bool, skipped: set[str]) -> None:
    with a_dag() as dag:
        short = ShortCircuitOperator(
            task_id="short",
            python_callable=lambda: value,
            ignore_downstream_trigger_rules=ignores_rules,
        )
        short >> EmptyOperator(task_id="near") >> EmptyOperator(task_id="far", trigger_rule="all_done")
    xcoms = FakeXComs()
    assert run(dag, "short", xcoms).skip == skipped
    assert xcoms.value("short") == value
