"""What the stage does with time alone: EventBridge's rule calls the tick each minute."""

import pytest

from tests.e2e.stage.project import API, Project
from tests.e2e.stage.waiting import until

pytestmark = pytest.mark.e2e

A_MINUTE_AND_MORE = 180


def test_the_tick_starts_a_scheduled_run(open_stage: Project) -> None:
    call, runs = open_stage.gateway.call, f"{API}/dags/e2e_scheduled/dag_runs"

    answer = until(
        lambda: call("GET", f"{runs}?state=success"),
        lambda found: bool(found.body),
        open_stage,
        A_MINUTE_AND_MORE,
    )

    (run,) = answer.body
    assert run["run_id"] == "scheduled__2024-01-01T00:00:00+00:00"
