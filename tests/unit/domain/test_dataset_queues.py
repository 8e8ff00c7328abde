"""Queues of datasets: what an arrival makes of them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain.datasets.queues import ArrivalStep, DatasetQueue, PlannedRun, arrive, meet, queue_for
from chalicelib.domain.runs.dataset_events import DatasetEvent, EventSource
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition, dataset_reference
from chalicelib.domain.schedule.timetables import DataInterval
from tests.scripted.examples import HOUR, NOON, SECOND, a_dataset_event, a_run

EMPTY = queue_for(None, "sales", 1, "next")
TICK = datetime.resolution


def arriving(queue: DatasetQueue, *uris: str, condition: Any, **given: Any) -> ArrivalStep:
    at = given.pop("at", NOON)
    events = [event_of(uri, at) for uri in uris]
    usual: dict[str, Any] = {"is_paused": False, "new_run_uid": "after"}
    references = frozenset(map(dataset_reference, uris))
    return arrive(queue, DatasetCondition.of(condition), events, references, **(usual | given))


def event_of(uri: str, at: datetime) -> DatasetEvent:
    run = a_run(data_interval_start=at - HOUR, data_interval_end=at)
    source = EventSource.of(run.facts(at), "make", -1)
    return a_dataset_event(f"origin {uri} {at}", uri=uri, timestamp=at, source=source)


BOTH = {"all": ["a", "b"]}


def test_a_run_is_made_when_the_condition_is_met_and_uses_up_what_arrived() -> None:
    first = arriving(EMPTY, "a", condition=BOTH)
    assert first.run is None
    later = NOON + HOUR
    second = arriving(first.after, "b", condition=BOTH, at=later)
    interval = DataInterval(start=NOON - HOUR, end=later)
    assert second.run == PlannedRun(run_uid="next", execution_date=later, data_interval=interval)
    assert (first.arrival.run_uid, second.arrival.run_uid) == ("next", "next")
    assert second.after == DatasetQueue(
        dag_id="sales", generation=1, run_uid="after", version=2, latest=later
    )
    assert arriving(second.after, "b", condition=BOTH).run is None


def test_all_events_of_an_origin_make_one_run() -> None:
    step = arriving(EMPTY, "a", "b", condition={"any": ["a", "b"]})
    assert step.run is not None
    assert [key.uri for key in step.arrival.events] == ["a", "b"]


def test_what_comes_while_the_dag_is_paused_starts_nothing_and_is_kept_for_the_next_run() -> None:
    paused = arriving(EMPTY, "a", condition="a", is_paused=True)
    assert (paused.run, paused.arrival.run_uid, paused.after.arrived) == (None, "next", frozenset())
    step = arriving(paused.after, "a", condition="a", at=NOON + HOUR)
    assert step.run is not None
    assert step.run.run_uid == "next"
    assert step.run.data_interval == DataInterval(start=NOON - HOUR, end=NOON + HOUR)


def test_dates_of_runs_go_as_the_runs_do_however_late_events_come() -> None:
    first = arriving(EMPTY, "a", condition="a", at=NOON + HOUR)
    late = arriving(first.after, "a", condition="a", at=NOON)
    assert late.run is not None
    assert late.run.execution_date == NOON + HOUR + TICK
    dodging = arriving(EMPTY, "a", condition="a", not_before=NOON + SECOND)
    assert dodging.run is not None
    assert dodging.run.execution_date == NOON + SECOND


def test_an_event_from_outside_is_a_moment() -> None:
    event = a_dataset_event(uri="a")
    step = arrive(
        EMPTY,
        DatasetCondition.of("a"),
        [event],
        frozenset({dataset_reference("a")}),
        is_paused=False,
        new_run_uid="after",
    )
    assert step.run is not None
    assert step.run.data_interval == DataInterval(start=NOON, end=NOON)


def test_what_the_condition_does_not_name_any_more_does_not_count() -> None:
    first = arriving(EMPTY, "a", condition=BOTH)
    changed = arriving(first.after, "b", condition={"all": ["b", "c"]})
    assert changed.after.arrived == {dataset_reference("b")}


def test_of_an_earlier_life_of_the_dag_nothing_counts() -> None:
    earlier = arriving(EMPTY, "a", condition=BOTH).after
    assert queue_for(earlier, "sales", 1, "new") == earlier
    anew = queue_for(earlier, "sales", 2, "new")
    assert anew == replace(EMPTY, generation=2, run_uid="new", version=earlier.version)


def test_what_has_arrived_makes_a_run_where_another_condition_is_met_by_it() -> None:
    queue = arriving(EMPTY, "a", condition=BOTH).after

    def met(expression: Any, **of_queue: Any) -> ArrivalStep | None:
        condition = DatasetCondition.of(expression)
        return meet(replace(queue, **of_queue), condition, NOON + HOUR, new_run_uid="after")

    step = met({"any": ["a", "b"]})
    assert step is not None
    assert step.run == PlannedRun(
        run_uid="next",
        execution_date=NOON + HOUR,
        data_interval=DataInterval(start=NOON - HOUR, end=NOON),
    )
    assert (step.arrival.events, step.arrival.run_uid) == ((), "next")
    assert (step.after.run_uid, step.after.arrived, step.after.version) == ("after", frozenset(), 2)
    assert met(BOTH) is None
    assert met("c") is None
    assert met({"all": []}, arrived=frozenset()) is None
