"""What an event asks for."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.engine.runs.create import MAX_RUN_ID_LENGTH
from chalicelib.events.conf import ConfError
from chalicelib.events.declarations import parse_declarations
from chalicelib.events.incoming import events_of
from chalicelib.events.requests import execution_date, run_id, wanted_runs
from tests.scripted.recorded_events import record, records_of

DECLARED = """
[[event]]
dag_id = "load"
source = "s3"
bucket = "acme-incoming"
prefix = "orders/"
suffix = ".csv"
conf = { key = "detail.object.key", first = true }

[[event]]
dag_id = "load"
source = "s3"
bucket = "acme-incoming"
conf = { key = "detail.object.key", first = false }

[[event]]
dag_id = "watch"
source = "eventbridge"
pattern = { source = ["aws.s3", "acme.shop"] }

[[event]]
dag_id = "page"
source = "sns"
topic = "acme-alerts"
attributes = { severity = ["high"], count = [{ numeric = [">", 100] }], teams = ["shop"] }

[[event]]
dag_id = "mail"
source = "sns"
topic = "arn:aws:sns:eu-west-1:123456789012:acme-alerts"

[[event]]
dag_id = "greet"
source = "sqs"
attributes = { kind = ["greeting"] }
conf = { who = "body.who" }
"""
DECLARATIONS = parse_declarations(DECLARED)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "dag_ids"),
    [
        ("s3_object_created", ["load", "watch"]),
        ("s3_object_created_odd_key", ["load", "watch"]),
        ("s3_notification_put", ["load", "watch"]),
        ("s3_object_deleted", ["watch"]),
        ("eventbridge_custom", ["watch"]),
        ("eventbridge_ec2_state_change", []),
        ("sns_notification", ["page", "mail"]),
        ("sns_without_subject", ["mail"]),
        ("sqs_message", ["greet"]),
        ("sns_raw_delivery", ["greet"]),
        ("sqs_undeclared_message", []),
    ],
)
def test_an_event_triggers_the_dags_that_are_declared_for_it(name: str, dag_ids: list[str]) -> None:
    ((event,),) = map(events_of, records_of(name))
    assert [wanted.request.dag_id for wanted in wanted_runs(event, DECLARATIONS)] == dag_ids


def test_of_two_declarations_for_one_dag_the_first_that_fits_counts() -> None:
    ((created,),) = map(events_of, records_of("s3_object_created"))
    ((versioned,),) = map(events_of, records_of("s3_object_created_versioned"))
    assert wanted_runs(created, DECLARATIONS)[0].request.conf["first"] is True
    assert wanted_runs(versioned, DECLARATIONS)[0].request.conf["first"] is False


def test_a_run_says_which_event_triggered_it() -> None:
    ((event,),) = map(events_of, records_of("s3_object_created_odd_key"))
    request = wanted_runs(event, DECLARATIONS)[0].request
    assert request.triggered_by == (
        'event: Object Created s3://acme-incoming/orders/smörgås + 100% / "naïve" 日本語 🍣.csv'
    )


def test_an_expression_that_cannot_be_applied_is_an_error() -> None:
    (declaration,) = parse_declarations(
        '[[event]]\ndag_id = "d"\nsource = "sqs"\nconf = { total = "sum(body)" }'
    )
    (event,) = events_of(record('["a", "b"]'))
    with pytest.raises(ConfError, match="conf total cannot be had from the event"):
        _ = wanted_runs(event, [declaration])[0].request


@pytest.mark.parametrize("expression", ["body", "&body"])
def test_a_conf_that_json_cannot_hold_is_an_error(expression: str) -> None:
    (declaration,) = parse_declarations(
        f'[[event]]\ndag_id = "d"\nsource = "sqs"\nconf = {{ x = "{expression}" }}'
    )
    (event,) = events_of(record("[1e999]"))
    with pytest.raises(ConfError, match="cannot be kept as JSON"):
        _ = wanted_runs(event, [declaration])[0].request


def test_half_a_surrogate_pair_does_no_harm() -> None:
    ((event,),) = map(events_of, records_of("s3_object_created"))
    text = json.dumps(event.document).replace("orders/2026-03-04", "orders/\\ud800")
    (odd,) = events_of(record(text))
    request = wanted_runs(odd, DECLARATIONS)[0].request
    assert request.triggered_by.encode()
    assert re.fullmatch(r"s3__sha256:[0-9a-f]{64}", request.run_id or "")


@given(st.text(), st.text())
def test_run_ids_are_allowed_and_differ_as_the_identities_do(one: str, other: str) -> None:
    ids = run_id(f"s3__{one}"), run_id(f"s3__{other}")
    assert (ids[0] == ids[1]) is (one == other)
    for each in ids:
        assert re.fullmatch(r"^[A-Za-z0-9_.~:+-]+$", each)
        assert len(each) <= MAX_RUN_ID_LENGTH


def test_a_long_identity_is_hashed() -> None:
    assert run_id("s3__" + "a" * 246) == "s3__" + "a" * 246
    assert run_id("s3__" + "a" * 247).startswith("s3__sha256:")


@pytest.mark.parametrize(
    ("time", "room"),
    [
        (NOON, timedelta(seconds=1)),
        (NOON + timedelta(milliseconds=7), timedelta(milliseconds=1)),
        (NOON + timedelta(microseconds=7), timedelta(microseconds=1)),
    ],
)
def test_events_are_spread_over_what_their_time_leaves_open(time: datetime, room: timedelta) -> None:
    dates = {execution_date(time, f"sns__{number}") for number in range(200)}
    assert all(time <= date < time + room for date in dates)
    assert len(dates) > min(150, room / timedelta(microseconds=2))
    assert execution_date(time, "sns__1") == execution_date(time, "sns__1")
