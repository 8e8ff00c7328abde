"""What mapped tasks cost: one instance as much as a task of a fan-out, and the expansion one write.

(Of a fan-out that may be wider than ``max_active_tasks``: the DAG file does not tell how wide a mapped task
gets, so each try takes a place under that limit, and gives it back.)
"""

import pytest

from chalicelib import aws
from chalicelib.domain.graph.expansion import Expansion, Literal, MappedGroup, OutputOf
from chalicelib.domain.graph.join import BUCKET_SIZE
from chalicelib.domain.messages import RunTask, StartRun
from tests.budgets.deployment import MeteredDeployment, started
from tests.meter import Meter
from tests.scripted.dags import ScriptedDag, Shape

OVER_OUTPUT = Expansion(own=OutputOf(task_id="source"))
IN_GROUP = Expansion(groups=(MappedGroup(group_id="group", length=OutputOf(task_id="source")),))


def mapped(width: int, *after: Shape, expansion: Expansion = OVER_OUTPUT) -> ScriptedDag:
    return ScriptedDag(
        [Shape("source", returns=width), Shape("each", ("source",), expansion=expansion), *after]
    )


def expanded(deployment: MeteredDeployment, dag: ScriptedDag) -> Meter:
    """The end of the source, by which the others get their instances."""
    started(deployment, dag)
    return deployment.handle(deployment.take(RunTask, "source"))


@pytest.mark.parametrize("width", [1, 10, 100])
def test_an_expansion_takes_one_write_beside_those_of_its_instances(
    deployment: MeteredDeployment, width: int
) -> None:
    meter = expanded(deployment, mapped(width))
    # claim, DAG, finish, slots and place back of the source; the length; of each instance its place, its
    # slots and its queueing
    assert meter.dynamodb_requests == 5 + 1 + 3 * width
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (-(-width // 10), width)


def test_a_literal_takes_none(deployment: MeteredDeployment) -> None:
    plain = [Shape(f"t{number}") for number in range(10)]
    each = Shape("each", expansion=Expansion(own=Literal(count=10)))
    meters = []
    for name, shapes in (("first", plain), ("plain", plain), ("mapped", [each])):
        dag = ScriptedDag(shapes, dag_id=name)
        dag.save(deployment.engine.store)
        deployment.trigger(dag)
        meters.append(deployment.handle(deployment.take(StartRun)))
    _, of_plain, of_mapped = meters  # the first one meets pools that this process has not seen
    assert of_plain.dynamodb == of_mapped.dynamodb
    assert of_plain.sqs_messages == of_mapped.sqs_messages == 10


@pytest.mark.parametrize("width", [10, BUCKET_SIZE])
def test_an_instance_takes_what_a_task_of_a_fan_out_takes(deployment: MeteredDeployment, width: int) -> None:
    expanded(deployment, mapped(width, Shape("join", ("each",))))
    meters = [deployment.handle(deployment.take(RunTask, "each")) for _ in range(width)]
    # claim, DAG, finish, slots and place back, arrival
    assert {meter.dynamodb_requests for meter in meters[:-1]} == {6}
    assert meters[-1].dynamodb_requests == 6 + 1 + 3  # all have ended: the join hears, and is started
    assert max(meter.write_units for meter in meters) <= 9
    assert sum(meter.sqs_messages for meter in meters) == 1


def test_a_fan_in_above_a_bucket_takes_one_arrival_more_per_bucket(deployment: MeteredDeployment) -> None:
    width = 2 * BUCKET_SIZE
    expanded(deployment, mapped(width, Shape("join", ("each",))))
    meters = [deployment.handle(deployment.take(RunTask, "each")) for _ in range(width)]
    requests = sum(meter.dynamodb_requests for meter in meters)
    assert requests == 6 * width + 2 + 1 + 3  # one per full bucket; the join hears, and is started


def test_a_chain_in_a_mapped_group_takes_what_a_chain_takes(deployment: MeteredDeployment) -> None:
    after = Shape("after", ("each",), expansion=IN_GROUP)
    meter = expanded(deployment, mapped(3, after, expansion=IN_GROUP))
    assert (
        meter.dynamodb_requests == 5 + 2 + 3 * 3
    )  # both are expanded, the instances of the first are queued
    meter = deployment.handle(deployment.take(RunTask, "each"))
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 3,  # claim, finish, the follower's arrival that queues it
        ("GetItem", "dags"): 1,
        (
            "UpdateItem",
            "pools",
        ): 4,  # slots and place back, and those of the follower: under a limit none go on
    }
    assert meter.write_units <= 7


def test_a_mapped_task_that_ends_without_instances_takes_one_write(deployment: MeteredDeployment) -> None:
    meter = expanded(deployment, mapped(0, Shape("join", ("each",), rule="all_done")))
    # claim, DAG, finish, slots and place back of the source; the end; the join hears, and is started
    assert meter.dynamodb_requests == 5 + 1 + 1 + 3


def test_the_items_of_a_mapped_task_stay_small(deployment: MeteredDeployment) -> None:
    width = 2 * BUCKET_SIZE
    expanded(deployment, mapped(width))
    deployment.drain()
    found = aws.client("dynamodb").scan(TableName="updraft-budgets-task_instances")["Items"]
    keys = {item["task_key"]["S"] for item in found}
    met = {"each#-1", "each#-1#ends", "each#-1#ends#bucket-00000", "each#-1#ends#bucket-00001"}
    assert keys == {"#-1", "source#-1", *met, *(f"each#{index}" for index in range(width))}
    assert max(len(str(item)) for item in found) < 4_000
