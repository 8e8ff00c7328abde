"""What the README says that this costs is what the counted requests come to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.messages import WorkerMessage
from chalicelib.engine import rescue
from tests.budgets.costs import MILLION, Use, asked, invocations
from tests.budgets.deployment import MeteredDeployment
from tests.budgets.meter import Meter
from tests.property.dags import ScriptedDag, Shape

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())
README = (ROOT / "README.md").read_text()

TICKS_A_MONTH = 30 * 24 * 60
QUEUES = 3
POLLS_A_MINUTE = 5 * 3
"""Of an idle queue: Lambda keeps five pollers, which wait 20 seconds each (AWS, scaling of SQS sources)."""

ENGINE_SECONDS = 0.1
"""How long a warm invocation takes beside the user's code: five to ten requests of some milliseconds."""
TICK_SECONDS = 0.3

CHAIN = ScriptedDag([Shape("t0"), *(Shape(f"t{number}", (f"t{number - 1}",)) for number in range(1, 10))])
SIDE_BY_SIDE = ScriptedDag([Shape(f"t{number:02d}") for number in range(100)])


def memory_mb(function: str) -> int:
    return int(CONFIG["lambda_functions"][function]["lambda_memory_size"])


def called(deployment: MeteredDeployment, path: str) -> Use:
    answer, meter = deployment.get(path)
    assert answer.status == 200
    return asked(meter) + request()


def request() -> Use:
    invoked = invocations(1, memory_mb=memory_mb("api_handler"), seconds=ENGINE_SECONDS)
    return replace(invoked, sqs_requests=0, api_requests=1)


def whole_run(deployment: MeteredDeployment, dag: ScriptedDag, execution_date: str) -> Use:
    """A run from its trigger over the API to its end; each message is an invocation of its own."""
    with Meter() as meter:
        answer, _ = deployment.post(f"/dags/{dag.dag_id}/dag_runs", {"execution_date": execution_date})
        assert answer.status == 200
        use = request()
        while deployment.sender.sent:
            message = deployment.sender.sent.pop(0)
            function = "worker" if isinstance(message, WorkerMessage) else "scheduler"
            use += invocations(1, memory_mb=memory_mb(function), seconds=ENGINE_SECONDS)
            deployment.handle(message)
    assert deployment.get(f"/dags/{dag.dag_id}/dag_runs/{execution_date}")[0].body == {"state": "success"}
    return use + asked(meter)


def million_tasks(deployment: MeteredDeployment, dag: ScriptedDag) -> Use:
    """In processes that are warm, with the runs around them."""
    deployment.deploy(dag)
    whole_run(deployment, dag, "2025-01-01")
    return whole_run(deployment, dag, "2025-01-02").times(MILLION / len(dag.shapes))


def idle_month(deployment: MeteredDeployment) -> Use:
    with Meter() as meter:
        rescue.tick(deployment.engine)
    ticked = invocations(1, memory_mb=memory_mb("tick"), seconds=TICK_SECONDS)
    tick = asked(meter) + replace(ticked, sqs_requests=0)
    return (tick + Use(sqs_requests=QUEUES * POLLS_A_MINUTE)).times(TICKS_A_MONTH)


def row(title: str, use: Use) -> str:
    """A row of the README's table, in dollars."""
    columns = (("dynamodb",), ("sqs",), ("lambda",), ("s3",), ("api", "log"), ())
    return f"| {title} | {' | '.join(f'{use.dollars(*services):.2f}' for services in columns)} |"


@pytest.mark.parametrize(
    ("title", "dag"),
    [
        ("a million tasks, in runs of ten one after another", CHAIN),
        ("a million tasks, in runs of a hundred side by side", SIDE_BY_SIDE),
    ],
)
def test_a_million_tasks_cost_what_the_readme_says(
    deployment: MeteredDeployment, title: str, dag: ScriptedDag
) -> None:
    assert row(title, million_tasks(deployment, dag)) in README


def test_a_million_questions_for_a_run_cost_what_the_readme_says(deployment: MeteredDeployment) -> None:
    deployment.deploy(CHAIN)
    whole_run(deployment, CHAIN, "2025-01-01")
    asking = called(deployment, f"/dags/{CHAIN.dag_id}/dag_runs/2025-01-01")
    assert row("a million questions for the state of a run", asking.times(MILLION)) in README


def test_an_idle_month_costs_what_the_readme_says(deployment: MeteredDeployment) -> None:
    assert row("a month without a run", idle_month(deployment)) in README


def test_a_million_seconds_of_a_task_cost_what_the_readme_says() -> None:
    seconds = Use(lambda_gb_seconds=MILLION * memory_mb("worker") / 1024)
    assert row("a million seconds of your own code", seconds) in README
