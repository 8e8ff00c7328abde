"""What the ports promise of datasets, their events and their queues, over each store."""

from datetime import timedelta
from typing import Any

from chalicelib.domain.datasets.datasets import Mention
from chalicelib.domain.datasets.queues import ArrivalStep, meet
from chalicelib.domain.runs.dataset_events import EventSource
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine.ports.store import Arrived, Store
from chalicelib.store.dynamodb import DynamoStore
from tests.conformance.faults import LOST, THROTTLED, faults
from tests.scripted.examples import (
    HOUR,
    NOON,
    SECOND,
    a_dag,
    a_dataset,
    a_dataset_event,
    a_run,
    an_arrival,
    run_of_arrival,
)

SOURCE = EventSource.of(a_run().facts(NOON), "t", 4)
FIRST = an_arrival("first", runs=False)
SECOND_ONE = an_arrival("second", FIRST.after, timestamp=NOON + SECOND, runs=True)


def arrive(store: Store, step: ArrivalStep) -> Arrived:
    return store.dataset_queues.arrive(step, run_of_arrival(step) if step.run else None, NOON)


def test_a_sync_renews_what_files_say_and_keeps_the_rest(store: Store) -> None:
    mention = Mention(dag_id="sales", task_id="t", created_at=NOON, updated_at=NOON)
    store.datasets.save(a_dataset(mentions=(mention,)))
    store.datasets.bring(a_dataset(id=9, updated_at=NOON + HOUR, aliases=frozenset({"found"})))
    later = NOON + HOUR
    told: dict[str, Any] = {"updated_at": later, "extra": '{"a": 1}', "own_name": "prices", "group": "shop"}
    store.datasets.save(a_dataset(id=8, created_at=later, **told))
    (kept,) = store.datasets.get_many(["alias:none", a_dataset().reference])
    assert kept == a_dataset(**told, aliases=frozenset({"found"}))
    assert [*store.datasets.list()] == [kept]
    store.datasets.save(a_dataset(updated_at=later))
    assert [*store.datasets.list()] == [a_dataset(updated_at=later, aliases=frozenset({"found"}))]


def test_a_dataset_that_is_brought_comes_to_be_as_it_is_given(store: Store) -> None:
    store.datasets.bring(a_dataset(aliases=frozenset({"a", "b"})))
    store.datasets.bring(a_dataset("s3://other"))
    for name in ("prices", "another", ""):
        store.datasets.bring(a_dataset("s3://named", own_name=name))
    assert {each.uri: each for each in store.datasets.list()} == {
        "s3://shop/prices": a_dataset(aliases=frozenset({"a", "b"})),
        "s3://other": a_dataset("s3://other"),
        "s3://named": a_dataset("s3://named", own_name="prices"),
    }


def test_events_of_a_dataset_come_by_their_time_each_once(store: Store) -> None:
    late = a_dataset_event(
        "b", timestamp=NOON + SECOND, extra='{"n": 1}', aliases=("x", "y"), source=SOURCE, name="n"
    )
    for event in (late, a_dataset_event("c", number=2), a_dataset_event("c", number=1), late):
        store.dataset_events.save(event)
    store.dataset_events.save(a_dataset_event(uri="s3://other"))
    found = [*store.dataset_events.list("s3://shop/prices")]
    assert [(event.origin, event.number) for event in found] == [("c", 1), ("c", 2), ("b", 0)]
    assert found[-1] == late
    assert [*store.dataset_events.get_many([late.key, a_dataset_event("none").key])] == [late]


def test_an_arrival_is_kept_for_the_run_to_come(store: Store) -> None:
    store.dags.save(a_dag())
    assert store.dataset_queues.get_with_dag("sales")[1] is None
    assert arrive(store, FIRST) is Arrived.APPLIED
    dag, queue = store.dataset_queues.get_with_dag("sales")
    assert dag is not None
    assert (dag.dag_id, queue) == ("sales", FIRST.after)
    assert [*store.dataset_queues.arrivals("next1")] == [FIRST.arrival]
    assert store.dataset_queues.run_of("sales", "first") is None
    assert [*store.dag_runs.list("sales")] == []


def test_the_arrival_that_meets_the_condition_makes_the_run_with_all_that_arrived(store: Store) -> None:
    arrive(store, FIRST)
    assert arrive(store, SECOND_ONE) is Arrived.APPLIED
    run = run_of_arrival(SECOND_ONE)
    assert [*store.dag_runs.list("sales")] == [run]
    assert store.dag_runs.get_by_run_id("sales", run.run_id) == run
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["next1"]
    assert [*store.dataset_queues.arrivals("next1")] == [FIRST.arrival, SECOND_ONE.arrival]
    assert store.dataset_queues.run_of("sales", "first") == run.execution_date
    assert store.dataset_queues.get_with_dag("sales")[1] == SECOND_ONE.after
    assert SECOND_ONE.after.run_uid == "after second"


def test_a_condition_that_is_met_anew_makes_the_run_with_what_has_arrived(store: Store) -> None:
    assert arrive(store, FIRST) is Arrived.APPLIED
    step = meet(FIRST.after, DatasetCondition('"s3://shop/prices"'), NOON + HOUR, new_run_uid="after")
    assert step is not None
    assert arrive(store, step) is Arrived.APPLIED
    another = meet(FIRST.after, DatasetCondition('"s3://shop/prices"'), NOON, new_run_uid="another")
    assert another is not None
    assert arrive(store, another) is Arrived.REPEATED
    assert step.run is not None
    run = store.dag_runs.get("sales", step.run.execution_date)
    assert run is not None
    assert [each.events for each in store.dataset_queues.arrivals(run.run_uid)] == [FIRST.arrival.events, ()]
    assert store.dataset_queues.run_of("sales", "first") == run.execution_date


def test_an_origin_arrives_once_whatever_has_followed(store: Store) -> None:
    arrive(store, FIRST)
    arrive(store, SECOND_ONE)
    for again in (an_arrival("first", SECOND_ONE.after, runs=True), an_arrival("first", runs=True)):
        assert arrive(store, again) is Arrived.REPEATED
    assert store.dataset_queues.get_with_dag("sales")[1] == SECOND_ONE.after
    assert len([*store.dag_runs.list("sales")]) == 1


def test_a_queue_that_has_gone_on_is_read_anew(store: Store) -> None:
    arrive(store, FIRST)
    assert arrive(store, an_arrival("other", runs=True)) is Arrived.OVERTAKEN
    assert [*store.dag_runs.list("sales")] == []
    assert [*store.dataset_queues.arrivals("next1")] == [FIRST.arrival]


def test_a_run_whose_date_is_taken_is_not_made_and_nothing_arrives(store: Store) -> None:
    step = an_arrival("first", runs=True)
    store.dag_runs.create(a_run("01RUN", NOON), NOON)
    assert arrive(store, step) is Arrived.DATE_TAKEN
    assert store.dataset_queues.get_with_dag("sales")[1] is None
    assert [*store.dataset_queues.arrivals("next1")] == []


def test_with_a_dag_goes_what_has_arrived_for_its_earlier_lives(store: Store) -> None:
    arrive(store, FIRST)
    store.dataset_queues.delete_dag("sales", 1)
    assert store.dataset_queues.get_with_dag("sales")[1] == FIRST.after
    store.dataset_queues.delete_dag("sales", 2)
    assert store.dataset_queues.get_with_dag("sales")[1] is None
    assert [*store.dataset_queues.arrivals("next1")] == []
    assert arrive(store, FIRST) is Arrived.APPLIED


def test_with_a_run_goes_what_it_had_of_events(store: Store) -> None:
    arrive(store, FIRST)
    arrive(store, an_arrival("x", FIRST.after, timestamp=NOON + timedelta(days=1), runs=False))
    store.dataset_queues.delete_run("next1")
    assert [*store.dataset_queues.arrivals("next1")] == []


def test_an_arrival_whose_reply_is_lost_counts_as_written(dynamo: DynamoStore) -> None:
    for fault in (LOST, THROTTLED):
        dynamo.dataset_queues.delete_dag("sales", 2)
        with faults(fault):
            assert arrive(dynamo, FIRST) is Arrived.APPLIED
    assert dynamo.dataset_queues.get_with_dag("sales")[1] == FIRST.after
