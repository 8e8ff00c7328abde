"""Tasks that take their process down, or keep it busy: everyone else goes on."""

import fcntl
from pathlib import Path

import pytest

from tests.integration.server.api import Pulse, Run, pulse
from tests.integration.server.server import Server
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def crashed(server: Server) -> tuple[Run, Pulse]:
    """A run of tasks that crash and tasks that do not, ended, and how the API answered meanwhile."""
    with pulse(server.api) as felt:
        run = server.api.trigger("crashing")
        run.ends()
    return run, felt


def test_a_task_that_ends_its_process_fails_and_the_others_go_on(crashed: tuple[Run, Pulse]) -> None:
    run, _ = crashed
    assert run.state == "failed"
    assert run.states("exits", "segfaults", "after_crashes", "works", "after_works") == {
        "exits": "failed",
        "segfaults": "failed",
        "after_crashes": "upstream_failed",
        "works": "success",
        "after_works": "success",
    }


def test_a_task_that_ends_its_process_is_tried_as_often_as_it_may_retry(
    crashed: tuple[Run, Pulse],
) -> None:
    run, _ = crashed
    tries = {task_id: run.task(task_id)["try_number"] for task_id in ("exits", "segfaults", "works")}
    assert tries == {"exits": "2", "segfaults": "1", "works": "1"}


def test_the_api_answers_while_tasks_crash(crashed: tuple[Run, Pulse]) -> None:
    _, felt = crashed
    assert felt.failures == []
    assert felt.answers > 0


def test_a_task_that_blocks_its_interpreter_does_not_block_the_api_or_other_tasks(
    server: Server, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    with locked.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        run = server.api.trigger("busy", conf={"locked": str(locked)})
        wait_for(locked.with_suffix(".reached").exists)
        assert server.api.get("/test") == {"status": "OK"}
        assert server.api.trigger("napping", conf={"seconds": 0}).ends() == "success"
        assert run.task("compute")["state"] == "running"
    assert run.ends() == "success"
