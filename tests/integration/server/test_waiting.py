"""Sensors that wait hold no worker, and runs wait no longer than they may."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.server.api import Run
from tests.integration.server.conftest import DAGS
from tests.integration.server.server import Server, running
from tests.waiting import wait_for

SENSORS = ("wait", *(f"wait__{number}" for number in range(1, 5)))


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that runs one task at a time."""
    settings = {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "UPDRAFT__LOCAL__MAX_WORKERS": "1",
    }
    with running(tmp_path_factory.mktemp("one_worker"), DAGS, **settings) as server:
        yield server


@pytest.mark.parametrize(("mode", "state"), [("poke", "running"), ("reschedule", "up_for_reschedule")])
def test_more_sensors_than_workers_wait_while_other_tasks_run(
    one_worker: Server, tmp_path: Path, mode: str, state: str
) -> None:
    file = tmp_path / "awaited"
    run = one_worker.api.trigger(f"waiting_{mode}", conf={"file": str(file)})
    assert run.task("meanwhile")["state"] != "failed"
    run.waits_until("meanwhile", "success")
    for sensor in SENSORS:
        run.waits_until(sensor, state)
    wait_for(lambda: pokes(one_worker, run) >= 2)  # so one was in vain
    assert run.state == "running"
    assert one_worker.api.trigger("napping", conf={"seconds": 0}).ends() == "success"

    file.touch()
    assert run.ends() == "success"
    tries = {run.task(sensor)["try_number"] for sensor in SENSORS}
    assert tries == {"1"}
    assert pokes(one_worker, run) >= 3, "the log of a try is that of all its pokes"


def pokes(server: Server, run: Run) -> int:
    """How many the log of the first sensor tells of."""
    log = server.command_line("tasks", "logs", run.dag_id, "wait", run.execution_date)
    return log.count("Poking callable")


def test_a_run_that_takes_too_long_fails(one_worker: Server) -> None:
    run = one_worker.api.trigger("waiting_too_long")
    assert run.ends() == "failed"
    run.waits_until("never", "skipped")
    assert run.task("use")["state"] == "None", "it had not begun"


def test_more_deferred_tasks_than_workers_wait_while_other_tasks_run(
    one_worker: Server, tmp_path: Path
) -> None:
    file = tmp_path / "awaited"
    run = one_worker.api.trigger("deferring", conf={"file": str(file)})
    tasks = [f"wait_{number}" for number in range(3)]
    for task in tasks:
        run.waits_until(task, "deferred")
    assert one_worker.api.trigger("napping", conf={"seconds": 0}).ends() == "success"
    assert run.task("wait_0")["trigger_id"] != "None"
    file.touch()
    assert run.ends() == "success"
    assert {run.task(task)["try_number"] for task in tasks} == {"1"}
