"""Setup and teardown tasks: what becomes of them when they are written down."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.loading.loader import LoadedFile, load_file
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.setup_teardown import SetupTeardownContext
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.operators.python import ShortCircuitOperator
from chalicelib.authoring.taskflow.decorators import task, task_group
from chalicelib.authoring.taskflow.setup_teardown_decorators import ContextWrapper, setup, teardown
from tests.unit.authoring.running import run

DAGS = Path(__file__).parent / "dags"


def a_dag() -> DAG:
    return DAG("x", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC))


def empty(task_id: str, **kwargs: Any) -> EmptyOperator:
    return EmptyOperator(task_id=task_id, **kwargs)


RECORDED: dict[str, dict[str, Any]] = json.loads((DAGS / "setup_teardown.json").read_text())


@pytest.fixture(scope="module")
def loaded() -> dict[str, DAG]:
    file = load_file(DAGS / "setup_teardown.py", DAGS)
    assert isinstance(file, LoadedFile), file
    return {dag.dag_id: dag for dag in file.dags}


@pytest.mark.parametrize("dag_id", RECORDED)
def test_each_way_to_write_them_makes_of_the_tasks_what_airflow_does(
    loaded: dict[str, DAG], dag_id: str
) -> None:
    document = serialize(loaded[dag_id], "setup_teardown.py")
    names = ("upstream", "is_setup", "is_teardown", "on_failure_fail_dagrun", "trigger_rule")
    made = {task["task_id"]: {name: task[name] for name in names} for task in document["tasks"]}
    assert made == RECORDED[dag_id]


def test_a_task_is_setup_or_teardown_not_both() -> None:
    with a_dag():
        first, second = empty("first").as_setup(), empty("second").as_teardown()
    with pytest.raises(ValueError, match="'first' as teardown; task is already a setup"):
        first.as_teardown()
    with pytest.raises(ValueError, match="'second' as setup; task is already a teardown"):
        second.output.as_setup()
    with pytest.raises(ValueError, match="'first' because it is not a teardown"):
        first.on_failure_fail_dagrun = True
    second.on_failure_fail_dagrun = True
    assert second.output.on_failure_fail_dagrun


def test_only_setups_and_teardowns_can_be_entered_and_not_mixed() -> None:
    with a_dag():
        with pytest.raises(AirflowException, match="Only setup/teardown tasks can be used"):
            empty("a").__enter__()
        with pytest.raises(ValueError, match="must be either setup or teardown"):
            ContextWrapper([empty("b").as_setup(), empty("c").as_teardown()]).__enter__()
        with pytest.raises(AirflowException, match="outside the context manager"):
            SetupTeardownContext.add_task(empty("d"))


def test_a_with_that_an_error_ends_puts_nothing_in_order_and_is_left() -> None:
    with a_dag():
        last = empty("last").as_teardown(setups=empty("first"))
        with suppress(KeyError), last:
            inside = empty("inside")
            raise KeyError("x")
        outside = empty("outside")
    assert inside.upstream_task_ids == inside.downstream_task_ids == set()
    assert outside.upstream_task_ids == set()


def test_what_follows_a_setup_has_the_rule_all_success() -> None:
    with a_dag() as dag:
        empty("first").as_setup() >> [
            empty("after", trigger_rule="all_done"),
            empty("last").as_teardown(),
        ]
    with pytest.raises(ValueError, match="Setup tasks must be followed with trigger rule ALL_SUCCESS"):
        dag.validate()


def test_the_rule_of_a_decorated_teardown_cannot_be_chosen() -> None:
    @teardown
    @task(trigger_rule="all_done")  # type: ignore[untyped-decorator]  # Any: with arguments or without
    def clean() -> None: ...

    with a_dag(), pytest.raises(ValueError, match="Trigger rule not configurable for teardown tasks"):
        clean()


@pytest.mark.parametrize("mark", [setup, teardown, teardown()])
def test_a_task_group_is_neither(mark: Callable[[Any], Any]) -> None:
    @task_group
    def group() -> None: ...

    with pytest.raises(AirflowException, match="no task groups"):
        mark(group)


@pytest.mark.parametrize("ignores_rules", [True, False])
def test_a_short_circuit_skips_no_teardown(ignores_rules: bool) -> None:
    with a_dag() as dag:
        short = ShortCircuitOperator(
            task_id="short",
            python_callable=lambda: False,
            ignore_downstream_trigger_rules=ignores_rules,
        )
        short >> [empty("near"), empty("teardown").as_teardown(setups=empty("setup"))]
    assert run(dag, "short").skip == {"near"}
