"""What an event costs behind its queue: as much as any trigger, and little when it comes again."""

from chalicelib.domain.messages import StartRun
from chalicelib.events.declarations import parse_declarations
from chalicelib.events.delivery import deliver
from tests.budgets.deployment import MeteredDeployment
from tests.meter import Meter
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.recorded_events import records_of

DAG = ScriptedDag([Shape("a")])
DECLARATIONS = parse_declarations(
    f'[[event]]\ndag_id = "{DAG.dag_id}"\nsource = "eventbridge"\npattern = {{ source = ["acme.shop"] }}'
)


def delivered(deployment: MeteredDeployment, name: str = "eventbridge_custom") -> Meter:
    (record,) = records_of(name)
    with Meter() as meter:
        deliver(deployment.engine, DECLARATIONS, record)
    return meter


def test_an_event_takes_three_requests_and_one_message(deployment: MeteredDeployment) -> None:
    deployment.deploy(DAG)
    meter = delivered(deployment)
    assert meter.dynamodb == {
        ("GetItem", "dags"): 1,
        ("TransactWriteItems", "dag_run_ids+dag_runs+unfinished_runs"): 1,
        ("UpdateItem", "dags"): 1,
    }
    assert meter.sqs_messages == 1
    deployment.take(StartRun)


def test_a_redelivery_takes_five_requests_and_sends_nothing(deployment: MeteredDeployment) -> None:
    deployment.deploy(DAG)
    delivered(deployment)
    meter = delivered(deployment)
    assert meter.dynamodb_requests == 5
    assert meter.sqs_messages == 0


def test_an_event_that_nothing_is_declared_for_takes_nothing(deployment: MeteredDeployment) -> None:
    meter = delivered(deployment, "eventbridge_ec2_state_change")
    assert (meter.dynamodb_requests, meter.sqs.total(), meter.s3.total()) == (0, 0, 0)
