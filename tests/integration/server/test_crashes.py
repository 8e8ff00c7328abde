"""Tasks that take their process down, or keep it busy: everyone else goes on."""

import pytest

from tests.integration.server.api import Pulse, Run, pulse
from tests.integration.server.server import Server

SLOWEST_ANSWER_SECONDS = 0.5
CRASHED_WITHIN_SECONDS = 10.0


@pytest.fixture(scope="module")
def crashed(server: Server) -> tuple[Run, Pulse]:
    """A run of tasks that crash and tasks that do not, ended, and how the API answered meanwhile."""
    with pulse(server.api) as felt:
        run = server.api.trigger("crashing")
        run.ends(CRASHED_WITHIN_SECONDS)
    return run, felt


def test_a_task_that_ends_its_process_fails_within_seconds_and_the_others_go_on(
    crashed: tuple[Run, Pulse],
) -> None:
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


def test_the_api_answers_promptly_while_tasks_crash(crashed: tuple[Run, Pulse]) -> None:
    _, felt = crashed
    assert felt.failures == []
    assert max(felt.seconds) < SLOWEST_ANSWER_SECONDS


def test_a_task_that_blocks_its_interpreter_does_not_slow_the_api(server: Server) -> None:
    with pulse(server.api) as felt:
        run = server.api.trigger("busy")
        assert run.ends() == "success"
    assert float(run.task("compute")["duration"]) > SLOWEST_ANSWER_SECONDS
    assert felt.failures == []
    assert max(felt.seconds) < SLOWEST_ANSWER_SECONDS
