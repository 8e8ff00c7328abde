"""However the messages of dataset events come, a DAG that runs by datasets runs once per condition met."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.datasets.datasets import Mention
from chalicelib.domain.messages import Outgoing, RegisterDatasetEvents
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dataset_changes import DatasetChange, changes_of, changes_text
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest, TryResult
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition, dataset_reference
from chalicelib.domain.states import DagRunState
from chalicelib.simulation.crowd import Crowd
from chalicelib.simulation.world import World
from tests.property.examples import examples
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.examples import HOUR, NOON, SECOND, a_dataset
from tests.scripted.scenarios import run_to_the_end, start, with_tries_to_spare, world_of
from tests.scripted.world import ScriptedWorld

DAG = ScriptedDag([with_tries_to_spare(Shape("look"))])
CONDITIONS: list[Any] = ["a", {"all": ["a", "b"]}, {"any": ["a", "b"]}, {"any": [{"all": ["a", "b"]}, "c"]}]
ORIGINS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3), min_size=1, max_size=8)


@given(st.sampled_from(CONDITIONS), ORIGINS, st.sampled_from([0.0, 0.05, 0.2]), st.integers())
@examples(80)
def test_each_run_has_just_what_met_its_condition(
    expression: Any, origins: list[list[str]], faults: float, seed: int
) -> None:
    condition = DatasetCondition.of(expression)
    crowd = Crowd(consuming(condition, seed), DAG.graph, faults=faults, repeats=0.3, delays=0.2)
    sent = [*map(origin, range(len(origins)), origins)]
    crowd.world.queue.send(Outgoing(message=message) for message in sent)
    run_to_the_end(crowd)

    runs = runs_of(crowd.world)
    assert all(run.state is DagRunState.SUCCESS for run in runs)
    queue = crowd.world.store.dataset_queues.get_with_dag(DAG.dag_id)[1]
    pending = queue.run_uid if queue else "none"
    shares = [*(run.run_uid for run in runs), pending]
    arrived = {uid: origins_of(crowd.world, uid) for uid in shares}
    concerned = {message.origin: uris_of(message) & condition.references for message in sent}
    assert sorted(each for own in arrived.values() for each in own) == sorted(
        name for name, uris in concerned.items() if uris
    )
    for run in runs:
        own = [concerned[name] for name in arrived[run.run_uid]]
        assert condition.is_met(frozenset[str]().union(*own))
        assert any(
            not condition.is_met(frozenset[str]().union(*own[:place], *own[place + 1 :]))
            for place in range(len(own))
        )
    assert not condition.is_met(frozenset[str]().union(*(concerned[name] for name in arrived[pending])))
    assert all(run.run_type is DagRunType.DATASET_TRIGGERED for run in runs)


PRODUCER = ScriptedDag(
    [with_tries_to_spare(Shape("make")), with_tries_to_spare(Shape("last", upstream=("make",)))],
    dag_id="producer",
)


@given(st.sampled_from([0.0, 0.05, 0.2]), st.sampled_from([0.0, 0.3]), st.integers())
@examples(80)
def test_what_a_task_changes_is_told_once_whatever_fails_on_the_way(
    faults: float, kills: float, seed: int
) -> None:
    world = consuming(DatasetCondition.of({"any": ["a", "b"]}), seed)
    PRODUCER.save(world.store)
    world.script = script
    crowd = Crowd(world, PRODUCER.graph, faults=faults, repeats=0.3, delays=0.1, kills=kills)
    produced = start(world, PRODUCER)
    run_to_the_end(crowd)
    world.settle(DAG.dag_id)

    (run,) = runs_of(world)
    (arrival,) = world.store.dataset_queues.arrivals(run.run_uid)
    events = {event.uri: event for event in world.store.dataset_events.get_many(arrival.events)}
    assert {uri: event.extra for uri, event in events.items()} == {"a": '{"n": 1}', "b": "{}"}
    source = events["a"].source
    assert source is not None
    assert (source.dag_id, source.task_id, source.run_id) == ("producer", "make", produced.run_id)
    assert run.data_interval_start == produced.data_interval_start


def script(request: TryRequest) -> TryOutcome:
    if request.task_id != "make":
        return TryOutcome(result=TryResult.SUCCESS)
    changes = (DatasetChange(uri="a", extra={"n": 1}), DatasetChange(uri="b"))
    return TryOutcome(result=TryResult.SUCCESS, dataset_changes=changes)


def consuming(condition: DatasetCondition, seed: int) -> ScriptedWorld:
    world = world_of(DAG, seed)
    dag = world.store.dags.get(DAG.dag_id)
    assert dag is not None
    world.store.dags.save(replace(dag, dataset_condition=condition))
    mention = Mention(dag_id=DAG.dag_id, created_at=NOON, updated_at=NOON)
    for reference in condition.references:
        world.store.datasets.save(replace(a_dataset(), reference=reference, mentions=(mention,)))
    return world


def origin(number: int, uris: list[str]) -> RegisterDatasetEvents:
    changes = [DatasetChange(uri=uri, extra={"n": number}) for uri in uris]
    moment = NOON + number % 3 * HOUR + number * SECOND
    text = Payload(text=changes_text(changes))
    return RegisterDatasetEvents(origin=f"origin{number}", timestamp=moment, changes=text)


def uris_of(message: RegisterDatasetEvents) -> frozenset[str]:
    assert message.changes.text is not None
    return frozenset(dataset_reference(change.uri) for change in changes_of(message.changes.text))


def origins_of(world: World, run_uid: str) -> list[str]:
    return [arrival.origin for arrival in world.store.dataset_queues.arrivals(run_uid)]


def runs_of(world: World) -> list[DagRun]:
    return [*world.store.dag_runs.list(DAG.dag_id)]
