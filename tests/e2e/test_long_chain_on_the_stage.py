"""A chain longer than the 16 invocations after which Lambda stops a loop through SQS.

The emulator does not count them, so this shows that the chain ends, and `test_deployed_stage` that the
functions are allowed to go on.
"""

import pytest

from tests.e2e.stage.project import API, Project
from tests.e2e.stage.waiting import is_done, until

pytestmark = pytest.mark.e2e

LENGTH = 25
DAG = f"{API}/dags/e2e_long_chain"


def test_a_chain_of_25_tasks_is_run_to_its_end(open_stage: Project) -> None:
    call = open_stage.gateway.call
    assert call("GET", f"{DAG}/paused/false").status == 200

    made = call("POST", f"{DAG}/dag_runs", {"execution_date": "2024-03-01"})

    assert made.status == 200, f"{made}\n{open_stage.function_logs()}"
    run = f"{DAG}/dag_runs/2024-03-01"
    until(lambda: call("GET", run), is_done, open_stage)
    tasks = [call("GET", f"{run}/tasks/task_{number}").body for number in range(1, LENGTH + 1)]
    assert {(task["state"], task["try_number"]) for task in tasks} == {("success", "1")}
    ends = [task["end_date"] for task in tasks]
    assert ends == sorted(ends)
