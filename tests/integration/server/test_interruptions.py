"""Runs in the middle when the server ends: they go on after the next start, at no cost of retries."""

from collections.abc import Callable

import pytest

from tests.integration.server.api import Run
from tests.integration.server.conftest import DAGS, NewServer
from tests.integration.server.server import Server

UNPAUSED = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}


def stop(server: Server) -> None:
    server.stop()


def kill(server: Server) -> None:
    server.kill()


@pytest.mark.parametrize("end", [stop, kill])
def test_a_run_goes_on_after_the_server_ended_while_a_task_ran(
    new_server: NewServer, end: Callable[[Server], None]
) -> None:
    server = new_server(DAGS, **UNPAUSED)
    server.start()
    # a slot that the interrupted try kept would leave none for the next
    server.api.post("/pools", {"name": "one_bed", "slots": 1, "description": ""})
    run = server.api.trigger("oversleeping")
    run.waits_until("sleep", "running")

    end(server)
    server.start()

    again = Run(api=server.api, dag_id=run.dag_id, execution_date=run.execution_date)
    assert again.ends() == "success"
    assert again.states("first", "sleep", "last") == dict.fromkeys(("first", "sleep", "last"), "success")
    tries = {task_id: again.task(task_id)["try_number"] for task_id in ("first", "sleep", "last")}
    assert tries == {"first": "1", "sleep": "2", "last": "1"}


def test_a_stop_lets_a_task_end_that_needs_a_moment_only(new_server: NewServer) -> None:
    server = new_server(DAGS, UPDRAFT__LOCAL__STOP_SECONDS="60", **UNPAUSED)
    server.start()
    run = server.api.trigger("napping", conf={"seconds": 1})
    run.waits_until("nap", "running")

    server.stop()
    server.start()

    again = Run(api=server.api, dag_id=run.dag_id, execution_date=run.execution_date)
    assert again.ends() == "success"
    assert again.task("nap")["try_number"] == "1"
