"""An update of a stage, from another checkout and with a changed DAG file, while runs are under way.

`dags/e2e_update.py` waits, busily, to be updated, by which it gets a task more: so functions are exchanged
while they run, and the runs are not over before. The user packages change, too.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pytest

from chalicelib import aws
from chalicelib.deploy.chalice.record import Deployed
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.states import DagRunState, TaskInstanceState
from chalicelib.domain.tasks.keys import END_OF_RUN_KEY
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from tests.e2e.stage.project import API, CLOSED, OPEN, STAGE, Project
from tests.e2e.stage.user_packages import DAG_ID as WITH_PACKAGES
from tests.e2e.stage.user_packages import ask_for_greetings, functions_with_layers, versions_of_the_layer
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e

DAG_ID = "e2e_update"
DAYS = tuple(datetime(2024, 6, day, tzinfo=UTC) for day in (1, 2, 3))
OF_OLD = {"begin", "wait", "task_1", "task_2", "task_3"}
TIME_FOR_A_RESCUE = 300
"""Should a message fail, as one does when DynamoDB does not answer, then it is for the tick to go on."""
QUEUES = [f"updraft-{STAGE}-{name}" for name in ("scheduling", "tasks")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Updated:
    """The stage before and after its update, at the beginning of which the runs of `DAYS` were under way."""

    project: Project
    store: DynamoStore
    before: Deployed
    after: Deployed
    said: str
    layers_before: list[str]
    """The versions of the layer with the user packages."""

    def ended(self, day: datetime, dag_id: str = DAG_ID) -> DagRun:
        """The run of the day, once it is over."""
        run = until(
            lambda: self.store.dag_runs.get(dag_id, day),
            lambda run: run is not None and run.state.is_final,
            self.project,
            TIME_FOR_A_RESCUE,
        )
        assert run is not None
        return run

    def tasks(self, run: DagRun) -> dict[str, TaskInstance]:
        """Those of the run's tasks that anything was heard of."""
        items = self.store.task_instances.list(run.run_uid)
        return {item.task_id: item for key, item in items if key != END_OF_RUN_KEY}

    def beginnings(self, run: DagRun) -> Counter[str]:
        """How often each task's function was called, but for that of the sensor, by what these wrote."""
        wrote = re.findall(rf"begun: (\w+) of {re.escape(run.run_id)}\b", self.project.function_logs())
        return Counter(wrote)


@pytest.fixture(scope="module")
def updated(project: Project) -> Updated:
    ask_for_greetings(project, "1.0")
    project.ensure(OPEN)
    call, dag = project.gateway.call, f"{API}/dags/{DAG_ID}"
    assert call("GET", f"{dag}/paused/false").status == 200
    for day in DAYS:
        made = call("POST", f"{dag}/dag_runs", {"execution_date": day.isoformat()})
        assert made.status == 200, f"{made}\n{project.function_logs()}"
        begin = f"{dag}/dag_runs/{day:%Y-%m-%d}/tasks/begin"
        until(partial(call, "GET", begin), lambda task: task.body["state"] == "success", project)
    store = DynamoStore(Settings.from_environ({"UPDRAFT__AWS__STAGE": STAGE}))
    call("GET", f"{API}/dags/{WITH_PACKAGES}/paused/false")
    greeted = call("POST", f"{API}/dags/{WITH_PACKAGES}/dag_runs", {"execution_date": DAYS[0].isoformat()})
    assert greeted.status == 200, greeted
    run = f"{API}/dags/{WITH_PACKAGES}/dag_runs/{DAYS[0]:%Y-%m-%d}"
    until(lambda: call("GET", run), is_done, project)
    before, layers_before = project.deployed, versions_of_the_layer()
    project.forget()
    ask_for_greetings(project, "2.0")
    file = project.directory / "chalicelib" / "dags" / f"{DAG_ID}.py"
    file.write_text(file.read_text().replace("UPDATED = False", "UPDATED = True"))
    said = project.deploy(CLOSED)
    return Updated(
        project=project,
        store=store,
        before=before,
        after=project.deployed,
        said=said,
        layers_before=layers_before,
    )


def test_the_api_keeps_its_address(updated: Updated) -> None:
    assert "new: " not in updated.said
    assert updated.after.rest_api_id == updated.before.rest_api_id
    assert updated.after.queue_mappings == updated.before.queue_mappings
    assert len(aws.client("apigateway").get_rest_apis()["items"]) == 1


def test_runs_under_way_go_on_with_their_old_graph_and_the_new_code(updated: Updated) -> None:
    for day in DAYS:
        run = updated.ended(day)
        assert run.state is DagRunState.SUCCESS, updated.project.function_logs()
        tasks = updated.tasks(run)
        assert set(tasks) == OF_OLD
        assert {(item.state, item.try_number) for item in tasks.values()} == {(TaskInstanceState.SUCCESS, 1)}
        assert tasks["wait"].pokes > 0  # before the update was there
        assert updated.beginnings(run) == dict.fromkeys(OF_OLD - {"wait"}, 1)


def test_nothing_is_left_in_the_queues(updated: Updated) -> None:
    for day in DAYS:
        updated.ended(day)
    until(messages, lambda found: not any(found.values()), updated.project)


def messages() -> dict[str, int]:
    """How many wait in each queue, and lie among its dead letters; not those that are for later."""
    sqs, name = aws.client("sqs"), "ApproximateNumberOfMessages"
    found = {}
    for queue in [*QUEUES, *(f"{each}-dead-letters" for each in QUEUES)]:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        found[queue] = int(attributes[name])
    return found


def test_functions_that_load_user_code_have_the_newest_user_packages_and_no_others_do(
    updated: Updated,
) -> None:
    (layer,) = versions_of_the_layer()
    assert updated.layers_before != [layer]
    assert functions_with_layers() == {
        f"updraft-{STAGE}-worker": [layer],
        f"updraft-{STAGE}-triggerer": [layer],
    }
    updated.project.on_its_tables("dags", "trigger", WITH_PACKAGES, "--exec-date", DAYS[1].isoformat())
    run = updated.ended(DAYS[1], WITH_PACKAGES)
    assert run.state is DagRunState.SUCCESS, updated.project.function_logs()
    said = re.findall(r"of the package: (\S+) from \S+/user-packages/", updated.project.function_logs())
    assert sorted(said) == ["1.0", "2.0"]


def test_a_new_run_has_the_new_graph(updated: Updated) -> None:
    day = datetime(2024, 6, 4, tzinfo=UTC)
    updated.project.on_its_tables("dags", "trigger", DAG_ID, "--exec-date", day.isoformat())
    run = updated.ended(day)
    assert run.state is DagRunState.SUCCESS, updated.project.function_logs()
    assert set(updated.tasks(run)) == {*OF_OLD, "added"}
