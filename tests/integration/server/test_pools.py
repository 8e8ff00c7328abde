"""Tasks that wait for slots of a pool."""

import time

from tests.integration.server.server import Server


def test_a_task_waits_for_its_pool_and_goes_when_the_pool_is_enlarged(server: Server) -> None:
    server.api.post("/pools", {"name": "narrow", "slots": 2, "description": "too few"})
    run = server.api.trigger("narrow_pool")
    run.waits_until("wide", "scheduled")
    time.sleep(0.5)
    assert (run.state, run.task("wide")["state"]) == ("running", "scheduled")

    server.api.post("/pools", {"name": "narrow", "slots": 3, "description": "enough"})
    assert run.ends(seconds=5) == "success"
    assert run.task("wide")["try_number"] == "1"
