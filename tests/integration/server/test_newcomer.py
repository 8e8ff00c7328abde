"""What somebody does who has just cloned the project: start, copy the proposed command, look, stop, go on."""

import re

from tests.integration.server.api import Run
from tests.integration.server.conftest import NewServer
from tests.integration.server.curl import in_shell
from tests.integration.server.server import Server


def test_the_proposed_command_starts_a_run_that_succeeds_and_whose_logs_can_be_read(
    new_server: NewServer,
) -> None:
    server = new_server()
    server.start()

    run = follow_the_proposal(server)

    assert (run.dag_id, run.ends()) == ("example_hello", "success")
    log = server.command_line("tasks", "logs", run.dag_id, "report", run.execution_date)
    assert re.search(r"run manual__\S+: 10 letters$", log, re.MULTILINE)


def test_after_a_stop_nothing_is_left_running_and_the_next_start_finds_everything(
    new_server: NewServer,
) -> None:
    server = new_server()
    server.start()
    run = follow_the_proposal(server)
    assert run.ends() == "success"
    server.api.post("/pools", {"name": "mine", "slots": 7, "description": "seven"})

    server.stop()  # sees every process end

    server.start()
    again = Run(api=server.api, dag_id=run.dag_id, execution_date=run.execution_date)
    assert again.state == "success"
    assert again.task("report")["state"] == "success"
    assert server.api.get("/pools/mine")["slots"] == 7
    assert server.api.get("/dags/example_hello/paused") == {"is_paused": False}
    assert server.api.get("/dags/example_branch/paused") == {"is_paused": True}


def follow_the_proposal(server: Server) -> Run:
    """Run the command of the ready line, as it stands, in a shell; gives the run that it triggered."""
    said = in_shell(server.proposal)
    made = re.search(r'"message": "Created <DagRun (\S+) @ .*', said)
    date = re.search(r'"execution_date": "([^"]+)"', said)
    assert made
    assert date
    return Run(api=server.api, dag_id=made[1], execution_date=date[1])
