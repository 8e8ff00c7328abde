"""``@task.run_if`` and ``@task.skip_if``: decorated functions whose tasks are skipped by a condition."""

from typing import Any

import pytest

from chalicelib.authoring.taskflow.decorators import task
from chalicelib.domain.runs.outcomes import TryResult
from tests.unit.authoring.running import a_dag, run


def say() -> str:
    return "said"


@pytest.mark.parametrize(
    ("decorate", "reason"),
    [
        (task.run_if(lambda context: context["ti"].task_id == "say"), None),
        (task.skip_if(lambda _: False), None),
        (task.run_if(lambda _: False), "AirflowSkipException: Task was skipped due to condition."),
        (task.skip_if(lambda _: True, "not now"), "AirflowSkipException: not now"),
        (task.skip_if(lambda _: (True, "never"), "not now"), "AirflowSkipException: never"),
    ],
)
def test_a_condition_decides_whether_a_task_runs(decorate: Any, reason: str | None) -> None:
    with a_dag() as dag:
        decorate(task(say))()
    outcome = run(dag, "say")
    assert (outcome.result, outcome.reason) == (
        (TryResult.SUCCESS, "") if reason is None else (TryResult.SKIPPED, reason)
    )


def test_a_condition_comes_after_what_the_task_does_before() -> None:
    calls: list[str] = []

    def holds(_: Any) -> bool:
        calls.append("check")
        return True

    with a_dag() as dag:
        task.run_if(holds)(task.bash(pre_execute=lambda _: calls.append("before"))(say))()
    run(dag, "say")
    assert calls == ["before", "check"]


def test_a_mapped_task_is_checked_too() -> None:
    with a_dag() as dag:
        task.skip_if(lambda context: context["ti"].map_index == 1)(task(lambda n: n)).override(
            task_id="each"
        ).expand(n=[1, 2])
    found = [run(dag, "each", map_index=index, map_levels=(2,)).result for index in range(2)]
    assert found == [TryResult.SUCCESS, TryResult.SKIPPED]


def test_only_decorated_functions_take_a_condition() -> None:
    with pytest.raises(TypeError, match="decorate with @task before @run_if"):
        task.run_if(lambda _: True)(say)  # type: ignore[arg-type]  # what is tried
