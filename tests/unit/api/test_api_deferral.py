"""A deferred task as Airflow 2.10.5's experimental API shows it."""

from dataclasses import replace

from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import Expected, TaskInstanceChange
from chalicelib.engine.engine import Engine
from tests.scripted.examples import HOUR, NOON
from tests.scripted.in_process_api import InProcessApi

DATE = "2026-01-01T00:00:00+00:00"
SHOWN = ("state", "trigger_id", "trigger_timeout", "next_method", "next_kwargs")
DEFERRED = Deferral(
    trigger_id=7,
    window=3,
    classpath="triggers.Wait",
    kwargs='{"token":"told to nobody"}',
    method_name="resume",
    method_kwargs='{"token":"told to nobody"}',
    created_at=NOON,
    began_at=NOON,
    due_at=NOON + HOUR,
    timeout_at=NOON + HOUR,
)


def shown(api: InProcessApi, engine: Engine, state: TaskInstanceState, deferral: Deferral) -> list[str]:
    """What is shown of a task that has become so."""
    run = engine.store.dag_runs.get_by_run_id("etl", "one")
    assert run is not None
    expected = Expected(states=frozenset({None, *TaskInstanceState}))
    change = TaskInstanceChange(state=state, deferral=deferral, updated_at=NOON)
    engine.store.task_instances.transition(run.run_uid, "extract#-1", expected, change)
    body = api.get(f"/dags/etl/dag_runs/{DATE}/tasks/extract").body
    assert "told to nobody" not in str(body)
    return [body[name] for name in SHOWN]


def test_a_deferred_task_shows_its_trigger_until_it_has_fired(api: InProcessApi, engine: Engine) -> None:
    assert api.post("/dags/etl/dag_runs", {"execution_date": DATE, "run_id": "one"}).status == 200
    deferred = shown(api, engine, TaskInstanceState.DEFERRED, DEFERRED)
    assert deferred == ["deferred", "7", "2024-05-06 13:00:00", "resume", "None"]
    fired = shown(api, engine, TaskInstanceState.RUNNING, replace(DEFERRED, event="1"))
    assert fired == ["running", "None", "2024-05-06 13:00:00", "resume", "None"]
    failed = shown(api, engine, TaskInstanceState.RUNNING, replace(DEFERRED, error="Trigger failure"))
    assert failed == ["running", "None", "2024-05-06 13:00:00", "__fail__", "None"]
