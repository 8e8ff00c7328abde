"""Triggers that race."""

import json
from concurrent.futures import ThreadPoolExecutor

from tests.integration.server.api import PREFIX, Run
from tests.integration.server.server import Server
from tests.scripted.asking import Answer, at_once

RIVALS = 8


def test_of_triggers_with_one_run_id_at_once_one_wins_and_its_task_runs_once(server: Server) -> None:
    bodies = iter(
        [
            {"run_id": "the_one", "execution_date": f"2024-05-06T07:08:0{rival}", "conf": {"seconds": 0}}
            for rival in range(RIVALS)
        ]
    )

    def trigger() -> Answer:
        body = json.dumps(next(bodies)).encode()
        return server.api.send("POST", f"{PREFIX}/dags/napping/dag_runs", {}, body)

    answers = at_once(trigger, RIVALS)

    assert sorted(answer.status for answer in answers) == [200] + (RIVALS - 1) * [400]
    runs = [run for run in server.api.get("/dags/napping/dag_runs") if run["run_id"] == "the_one"]
    (date,) = [run["execution_date"] for run in runs]
    run = Run(api=server.api, dag_id="napping", execution_date=date)
    assert run.ends() == "success"
    assert run.task("nap")["try_number"] == "1"


def test_many_runs_triggered_at_once_all_succeed(server: Server) -> None:
    with ThreadPoolExecutor(10) as clients:
        runs = list(clients.map(lambda _: server.api.trigger("napping", conf={"seconds": 0}), range(10)))
    assert [run.ends() for run in runs] == 10 * ["success"]
