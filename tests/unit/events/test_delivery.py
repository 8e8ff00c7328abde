"""One run per event, however often and in whatever company it comes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.errors import DagNotFound, StoreUnavailable
from chalicelib.domain.messages import RegisterDatasetEvents
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.engine import dispatch
from chalicelib.engine.datasets.references import keep_references
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.events.declarations import DeclarationError, parse_declarations
from chalicelib.events.delivery import (
    INSTANTS,
    NoFreeInstant,
    Undeliverable,
    check_dags,
    deliver,
    trigger_unless_there,
)
from tests.scripted.engines import engine_in_memory, take_sent
from tests.scripted.examples import a_dataset
from tests.scripted.failures import let_fail
from tests.scripted.recorded_events import record, records_of, text_attribute

NOW = datetime(2026, 3, 5, tzinfo=UTC)

DECLARATIONS = parse_declarations(
    """
[[event]]
dag_id = "load"
source = "s3"
bucket = "acme-incoming"
conf = { key = "detail.object.key" }

[[event]]
dag_id = "gone"
source = "eventbridge"
pattern = { source = ["acme.shop"] }

[[event]]
dag_id = "load"
source = "eventbridge"
pattern = { source = ["acme.shop"] }
conf = { total = "sum(detail.lines[].count)" }

[[event]]
dag_id = "load"
source = "sqs"
attributes = { kind = ["greeting"] }
conf = { shout = "join('', body.who)" }
"""
)


@pytest.fixture
def engine() -> Engine:
    made = engine_in_memory(lambda: NOW)
    made.store.dags.save(
        Dag(
            dag_id="load",
            generation=1,
            is_paused=True,
            version="v1",
            fileloc="load.py",
            default_start_date=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )
    return made


def runs(engine: Engine) -> list[DagRun]:
    return list(engine.store.dag_runs.list("load"))


def send(engine: Engine, *names: str) -> None:
    for name in names:
        for each in records_of(name):
            deliver(engine, DECLARATIONS, each)


def request(run_id: str | None = "sns__1") -> RunRequest:
    return RunRequest(dag_id="load", execution_date=NOW, run_id=run_id, triggered_by="test")


def test_an_event_makes_a_run_of_its_time_and_identity(engine: Engine) -> None:
    send(engine, "s3_object_created_versioned")
    (run,) = runs(engine)
    assert (
        run.run_id == "s3__acme-incoming:orders-2026.csv:IYV3p45BT0ac8hjHg1houSdS1a.Mro8e:00617F08299329D191"
    )
    assert run.execution_date.replace(microsecond=0) == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert run.conf.text == '{"key": "orders-2026.csv"}'
    assert run.triggered_by == "event: Object Created s3://acme-incoming/orders-2026.csv"
    assert run.external_trigger


def test_a_redelivery_makes_no_second_run_and_is_no_error(engine: Engine) -> None:
    send(engine, *3 * ["s3_object_created"])
    assert len(runs(engine)) == 1


def test_an_event_that_s3_tells_twice_by_several_ways_makes_one_run(engine: Engine) -> None:
    send(engine, "s3_object_created", "s3_object_created_again", "s3_notification_put")
    assert len(runs(engine)) == 1


def test_two_events_of_one_instant_make_two_runs(engine: Engine) -> None:
    assert trigger_unless_there(engine, request("sns__1"))
    assert trigger_unless_there(engine, request("sns__2"))
    assert not trigger_unless_there(engine, request("sns__1"))
    assert not trigger_unless_there(engine, request("sns__2"))
    assert [(run.run_id, run.execution_date) for run in runs(engine)] == [
        ("sns__1", NOW),
        ("sns__2", NOW + timedelta(microseconds=1)),
    ]


def test_an_event_whose_instant_is_taken_by_a_run_of_other_making_gets_the_next(engine: Engine) -> None:
    create_run(engine, request(run_id=None))
    assert trigger_unless_there(engine, request())
    assert [run.execution_date - NOW for run in runs(engine)] == [timedelta(), timedelta(microseconds=1)]


def test_the_search_for_an_instant_has_an_end(engine: Engine) -> None:
    for number in range(INSTANTS):
        assert trigger_unless_there(engine, request(f"sns__{number}"))
    with pytest.raises(NoFreeInstant, match="DAG load has other runs at 2026-03-05T00:00:00"):
        trigger_unless_there(engine, request("sns__late"))
    assert not trigger_unless_there(engine, request(f"sns__{INSTANTS - 1}"))


def test_a_run_of_an_earlier_life_of_the_dag_does_not_count(engine: Engine) -> None:
    assert trigger_unless_there(engine, request())
    deleted = engine.store.dags.mark_deleted("load")
    assert deleted is not None
    engine.store.dags.revive("load", deleted.generation, is_paused=True)
    assert trigger_unless_there(engine, request())


def test_what_is_to_happen_once_needs_a_run_id(engine: Engine) -> None:
    with pytest.raises(ValueError, match="run id"):
        trigger_unless_there(engine, request(run_id=None))


def test_a_dag_that_is_unknown_is_told_and_does_not_keep_another_from_its_run(engine: Engine) -> None:
    with pytest.raises(Undeliverable, match="Dag id gone not found") as raised:
        send(engine, "eventbridge_custom")
    assert raised.value.cause_code == DagNotFound.code
    (run,) = runs(engine)
    assert run.conf.text == '{"total": 3}'


def test_a_dag_that_was_deleted_is_told(engine: Engine) -> None:
    engine.store.dags.mark_deleted("load")
    with pytest.raises(Undeliverable, match="Dag id load not found"):
        send(engine, "s3_object_created")


def test_an_event_from_before_the_start_of_the_dag_is_told(engine: Engine) -> None:
    dag = engine.store.dags.get("load")
    assert dag is not None
    engine.store.dags.save(replace(dag, default_start_date=NOW))
    with pytest.raises(Undeliverable, match="should be >= start_date"):
        send(engine, "s3_object_created")


def test_a_conf_that_cannot_be_built_is_told(engine: Engine) -> None:
    with pytest.raises(Undeliverable, match="conf shout cannot be had from the event"):
        send(engine, "sqs_message")


def test_a_message_to_the_queue_that_nothing_is_declared_for_is_told(engine: Engine) -> None:
    with pytest.raises(Undeliverable, match="No declaration fits this message"):
        send(engine, "sqs_undeclared_message")


@pytest.mark.parametrize("name", ["sns_notification", "eventbridge_ec2_state_change", "s3_test_event"])
def test_what_a_subscription_brings_beyond_its_declarations_is_let_go(engine: Engine, name: str) -> None:
    send(engine, name)
    assert runs(engine) == []


def test_an_event_that_cannot_be_read_is_told(engine: Engine) -> None:
    with pytest.raises(Undeliverable, match="yesterday") as raised:
        send(engine, "eventbridge_cut_short")
    assert raised.value.cause_code == "unreadable_event"


def test_each_event_of_a_notification_makes_its_run(engine: Engine) -> None:
    send(engine, *2 * ["s3_notification_batch"])
    assert {run.conf.text for run in runs(engine)} == {'{"key": "orders/1.csv"}', '{"key": "orders/2.csv"}'}


def test_an_event_waits_for_a_store_that_has_no_time(engine: Engine) -> None:
    let_fail(engine.store.dag_runs.create, StoreUnavailable("throttled"))
    with pytest.raises(StoreUnavailable):
        send(engine, "s3_object_created")


def test_a_dead_letter_that_is_sent_back_makes_no_second_run(engine: Engine) -> None:
    kind = {"kind": text_attribute("greeting")}
    deliver(engine, DECLARATIONS, record('{"who": ["a"]}', "old", kind))
    sent_back = {**kind, "UpdraftMessageId": text_attribute("old")}
    deliver(engine, DECLARATIONS, record('{"who": ["a"]}', "new", sent_back))
    assert [run.run_id for run in runs(engine)] == ["sqs__old"]


def test_declarations_for_dags_that_are_not_there_are_named(engine: Engine) -> None:
    check_dags(engine, [each for each in DECLARATIONS if each.dag_id == "load"])
    with pytest.raises(DeclarationError, match=r"^No such DAG is known: events\.toml, event 2 \(gone\)$"):
        check_dags(engine, DECLARATIONS)
    engine.store.dags.set_active("load", False)
    with pytest.raises(DeclarationError, match=r"event 1 \(load\); events"):
        check_dags(engine, DECLARATIONS)


FEEDING = parse_declarations(
    """
[[event]]
dataset = "s3://shop/prices"
source = "sqs"
attributes = { kind = ["greeting"] }
extra = { who = "body.who" }

[[event]]
dataset = "s3://shop/prices"
source = "sqs"
extra = { second = true }

[[event]]
dataset = "stock"
source = "sqs"
attributes = { kind = ["greeting"] }
extra = { shout = "join('', body.who)" }

[[event]]
dag_id = "load"
source = "sqs"
attributes = { kind = ["greeting"] }
"""
)


def feed(engine: Engine, who: object = "Ada") -> None:
    body = f'{{"who": {json.dumps(who)}}}'
    deliver(engine, FEEDING, record(body, attributes={"kind": text_attribute("greeting")}))


def test_an_event_changes_each_dataset_once_by_the_first_declaration_that_fits(engine: Engine) -> None:
    engine.store.dags.save(
        Dag(
            dag_id="consumer",
            generation=1,
            is_paused=False,
            version="v1",
            fileloc="consumer.py",
            dataset_condition=DatasetCondition.of({"any": ["s3://shop/prices", "stock"]}),
        )
    )
    expression = {"dag_id": "consumer", "dataset_condition": {"any": ["s3://shop/prices"]}, "tasks": []}
    keep_references(engine, [expression], set())
    with pytest.raises(Undeliverable, match="join"):
        feed(engine)
    with pytest.raises(Undeliverable, match="join"):
        feed(engine)
    sent = [each.message for each in take_sent(engine)]
    changes = [message for message in sent if isinstance(message, RegisterDatasetEvents)]
    assert len(changes) == 2
    assert changes[0] == changes[1]
    for change in changes:
        dispatch.handle(engine, change)
    (event,) = engine.store.dataset_events.list("s3://shop/prices")
    assert (event.extra, event.source) == ('{"who": "Ada"}', None)
    (run,) = engine.store.dag_runs.list("consumer")
    assert run.run_type is DagRunType.DATASET_TRIGGERED
    assert len(runs(engine)) == 1


def test_an_event_whose_extra_is_too_large_goes_to_the_dead_letters(engine: Engine) -> None:
    with pytest.raises(Undeliverable, match="up to 100,000 are kept"):
        feed(engine, "x" * 100_000)
    assert not [each for each in take_sent(engine) if isinstance(each.message, RegisterDatasetEvents)]


def test_one_event_may_change_several_datasets(engine: Engine) -> None:
    feed(engine, ["A", "da"])
    changes = [each.message for each in take_sent(engine) if isinstance(each.message, RegisterDatasetEvents)]
    assert len({each.origin for each in changes}) == len(changes) == 2
    assert {each.timestamp for each in changes} == {changes[0].timestamp}


def test_declarations_for_datasets_that_no_file_names_are_named(engine: Engine) -> None:
    engine.store.datasets.bring(a_dataset("stock"))
    with pytest.raises(DeclarationError, match=r"names such a dataset: events\.toml, event 1 \(s3://shop/p"):
        check_dags(engine, FEEDING)
    engine.store.datasets.bring(a_dataset("s3://shop/prices"))
    check_dags(engine, FEEDING)
