"""The JSON form of messages, and the sender in memory."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from chalicelib.domain import messages
from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.messages import Message, Outgoing
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRunType, RunFacts, RunRef
from chalicelib.domain.runs.dataset_events import EventSource
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.queues.messages import VERSION, UnreadableMessage, decode, encode
from tests.scripted.memory_sender import MemorySender

NOON = datetime(2024, 5, 6, 12, 0, 0, 1, tzinfo=UTC)
RUN = RunRef(dag_id="Größe", execution_date=NOON, run_uid="01RUN", generation=3, version="v1")
FACTS = RunFacts(
    ref=RUN,
    run_id="manual__2024-05-06T12:00:00+00:00",
    run_type=DagRunType.BACKFILL,
    external_trigger=False,
    start_date=NOON,
    data_interval_start=NOON - timedelta(days=1),
    data_interval_end=NOON,
    conf=Payload(text='{"a": ["ü"]}'),
)
START = messages.StartRun(run=RUN)

BACKFILL = messages.BackfillDag(
    dag_id="sales",
    generation=2,
    start_date=NOON,
    end_date=NOON,
    conf=Payload(text="{}"),
    triggered_by="ada",
    last=DataInterval(start=NOON, end=NOON),
)

EVERY: list[Message] = [
    START,
    messages.OpenTasks(run=RUN, opened=200),
    messages.OpenInstances(run=RUN, task_id="each", opened=500),
    messages.RescueRun(dag_id="sales", execution_date=NOON),
    messages.RescueRun(dag_id="sales", execution_date=NOON, stopped_at=NOON),
    messages.RetryTask(run=RUN, task_id="t", map_index=4, try_number=2),
    messages.PokeTask(run=RUN, task_id="t", try_number=2, pokes=7),
    messages.RunTrigger(run=FACTS, task_id="t", try_number=2, window=3, due_at=NOON),
    messages.FollowTask(run=RUN, task_id="t"),
    messages.WakePool(pool="gpu"),
    messages.DagUnpaused(dag_id="sales"),
    messages.ScheduleDag(dag_id="sales"),
    messages.ScheduleDag(dag_id="sales", renew=True),
    BACKFILL,
    messages.WorkerLost(run=RUN, task_id="t", try_number=1, request_id="request"),
    messages.EraseDag(dag_id="sales", generation=2),
    messages.EraseRun(run=RUN),
    messages.EraseRun(run=RUN, until=NOON),
    messages.EndTasks(run=RUN),
    messages.AlterTasks(run=RUN, plan=Payload(text="{}")),
    messages.TimeOutRun(run=RUN),
    messages.RegisterDatasetEvents(
        origin="01RUN#t#-1#1",
        timestamp=NOON,
        changes=Payload(text="[]"),
        source=EventSource.of(FACTS, "t", 4),
    ),
    messages.RegisterDatasetEvents(origin="delivery", timestamp=NOON, changes=Payload(reference="changes")),
    messages.RunTask(run=FACTS, task_id="t", try_number=1, max_tries=0),
    messages.RunTask(run=FACTS, task_id="t", try_number=1, max_tries=0, pokes=3, begun_at=NOON),
    messages.RunTask(
        run=replace(FACTS, conf=Payload(reference="conf/01RUN.json")), task_id="t", try_number=1, max_tries=3
    ),
    messages.PlanNextRun(dag_id="sales", generation=2),
    messages.InferInterval(run=RUN),
    messages.BackfillByTimetable(backfill=BACKFILL),
    messages.RunCallback(run=FACTS, kind=CallbackKind.FAILURE, reason="task_failure", end_date=NOON),
    messages.RunCallback(
        run=FACTS,
        kind=CallbackKind.RETRY,
        reason="ValueError: no",
        task_id="t",
        map_index=4,
        try_number=1,
        max_tries=2,
        start_date=NOON,
        end_date=NOON,
    ),
]


@pytest.mark.parametrize("message", EVERY, ids=lambda message: type(message).__name__)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert decode(encode(message)) == message


def test_every_type_of_message_is_tried_here() -> None:
    assert {type(message) for message in EVERY} == set(get_args(Message))


def test_a_body_says_its_version_and_type() -> None:
    document = json.loads(encode(START))
    assert (document["v"], document["type"]) == (VERSION, "start_run")


def test_instants_of_any_zone_stay_the_same_instant() -> None:
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert decode(encode(replace(START, run=replace(RUN, execution_date=in_tokyo)))) == START


def test_fields_of_a_newer_sender_are_ignored() -> None:
    assert decode(_changed(priority=1, run={**_document()["run"], "colour": "red"})) == START


def test_a_field_with_a_default_may_be_missing() -> None:
    body = json.dumps({"v": VERSION, "type": "rescue_run", "dag_id": "sales", "execution_date": _text(NOON)})
    assert decode(body) == messages.RescueRun(dag_id="sales", execution_date=NOON)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"v": 1}',
        '{"v": 1, "type": "start_run"}',
        '{"v": 1, "type": "unheard_of"}',
        '{"v": 1, "type": ["start_run"]}',
        '{"v": 1, "type": "start_run", "run": "01RUN"}',
        '{"v": 1, "type": "start_run", "run": null}',
        '{"v": 1, "type": "start_run", "run": []}',
        '{"v": 1, "type": "wake_pool", "pool": 5}',
        '{"v": 1, "type": "rescue_run", "dag_id": "sales", "execution_date": "yesterday"}',
        '{"v": 1, "type": "rescue_run", "dag_id": "sales", "execution_date": 5}',
    ],
)
def test_a_body_that_is_no_message_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableMessage):
        decode(body)


def test_a_message_of_another_version_is_unreadable() -> None:
    with pytest.raises(UnreadableMessage, match="version 2"):
        decode(_changed(v=2))


def test_an_unknown_choice_is_unreadable() -> None:
    body = encode(messages.RunTask(run=FACTS, task_id="t", try_number=1, max_tries=0))
    with pytest.raises(UnreadableMessage):
        decode(body.replace('"backfill"', '"by magic"'))


def test_the_sender_in_memory_keeps_messages_in_order_until_they_are_taken() -> None:
    sender = MemorySender()
    first, second, third = (Outgoing(message=START, delay_seconds=delay) for delay in (3, 1, 2))
    sender.send(iter([first, second]))
    sender.send([third])
    assert sender.sent == [first, second, third]
    assert sender.take_all() == [first, second, third]
    assert sender.take_all() == []


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(encode(START))
    return document


def _changed(**fields: Any) -> str:
    return json.dumps(_document() | fields)


def _text(value: datetime) -> str:
    return value.isoformat()
