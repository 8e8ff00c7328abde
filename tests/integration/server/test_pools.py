"""Tasks that wait for slots of a pool."""

from tests.integration.server.server import Server


def test_a_task_waits_for_its_pool_and_goes_when_the_pool_is_enlarged(server: Server) -> None:
    server.api.post("/pools", {"name": "narrow", "slots": 2, "description": "too few"})
    run = server.api.trigger("narrow_pool")
    run.waits_until("wide", "scheduled")
    assert server.api.trigger("napping", conf={"seconds": 0}).ends() == "success"  # what is free goes on
    assert (run.state, run.task("wide")["state"]) == ("running", "scheduled")

    server.api.post("/pools", {"name": "narrow", "slots": 3, "description": "enough"})
    assert run.ends() == "success"
    assert run.task("wide")["try_number"] == "1"
