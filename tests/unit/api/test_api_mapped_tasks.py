"""Mapped tasks as Airflow 2.10.5's experimental API shows them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.lineage import File
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import Expected, TaskInstanceChange
from chalicelib.engine.engine import Engine
from tests.scripted.contract_dags import deploy
from tests.scripted.in_process_api import InProcessApi

DATE = "2026-01-01T00:00:00+00:00"
Put = Callable[..., None]


@pytest.fixture
def put(api: InProcessApi, engine: Engine) -> Put:
    """A run of a DAG with a task that is mapped over output and one over a literal; puts its items."""
    with DAG("mapped", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC)) as dag:
        made = BashOperator(task_id="make", bash_command="true")
        BashOperator.partial(task_id="each", outlets=[File(url="out")]).expand(bash_command=made.output)
        BashOperator.partial(task_id="literal").expand(bash_command=["a", "b"])
    deploy(engine, serialize(dag, "mapped.py"))
    assert api.post("/dags/mapped/dag_runs", {"execution_date": DATE, "run_id": "one"}).status == 200
    run = engine.store.dag_runs.get_by_run_id("mapped", "one")
    assert run is not None
    run_uid = run.run_uid

    def put_item(key: str, change: TaskInstanceChange) -> None:
        expected = Expected(states=frozenset({None}))
        assert engine.store.task_instances.transition(run_uid, key, expected, change).applied

    return put_item


def instance(api: InProcessApi, task_id: str, query: str = "") -> tuple[int, object]:
    reply = api.get(f"/dags/mapped/dag_runs/{DATE}/tasks/{task_id}{query}")
    return reply.status, reply.body


def not_found(task_id: str) -> tuple[int, object]:
    return 404, {"error": f"Task {task_id} instance for date 2026-01-01 00:00:00+00:00 not found"}


@pytest.mark.usefixtures("put")
def test_a_mapped_task_has_an_instance_without_an_index_until_it_is_expanded(api: InProcessApi) -> None:
    status, body = instance(api, "each")
    assert isinstance(body, dict)
    assert (status, body["map_index"], body["state"], body["operator"]) == (200, "-1", "None", "BashOperator")


def test_an_expanded_task_has_none(api: InProcessApi, put: Put) -> None:
    put("each#-1", TaskInstanceChange(map_length=2))
    put("each#0", TaskInstanceChange(state=TaskInstanceState.SUCCESS, map_length=2))
    assert instance(api, "each") == not_found("each")
    assert instance(api, "each", "?map_index=0") == not_found("each")  # Airflow does not read it


@pytest.mark.usefixtures("put")
def test_a_task_that_is_mapped_over_a_literal_has_none_from_the_start(api: InProcessApi) -> None:
    assert instance(api, "literal") == not_found("literal")


def test_a_task_that_ends_unexpanded_is_shown(api: InProcessApi, put: Put) -> None:
    put("each#-1", TaskInstanceChange(state=TaskInstanceState.UPSTREAM_FAILED))
    status, body = instance(api, "each")
    assert isinstance(body, dict)
    assert (status, body["state"]) == (200, "upstream_failed")


def test_the_lineage_of_a_mapped_task_is_that_of_one_instance(
    api: InProcessApi, put: Put, engine: Engine
) -> None:
    run = engine.store.dag_runs.get_by_run_id("mapped", "one")
    assert run is not None
    save = engine.store.lineage.save
    save(run.run_uid, "each", 10, [], ["out of 10"])
    save(run.run_uid, "each", 2, [], ["out of 2"])
    save(run.run_uid, "each", 3, ["in of 3"], ["out of 3"])
    save(run.run_uid, "make", -1, ["in"], [])
    assert api.get(f"/lineage/mapped/{DATE}").body == {
        "task_ids": {"each": {"inlets": ["in of 3"], "outlets": ["out of 2"]}, "make": {"inlets": ["in"]}}
    }
