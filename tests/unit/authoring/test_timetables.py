"""Timetables: as recorded from Airflow 2.10.5, and those of the user's own."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from chalicelib.authoring import clock
from chalicelib.authoring.exceptions import AirflowTimetableInvalid, NotOffered
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.running.timetables import answer_of, following
from chalicelib.authoring.sdk.dag import DAG as DAG_3
from chalicelib.authoring.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from chalicelib.authoring.timetables.cron_words import description_of
from chalicelib.authoring.timetables.events import EventsTimetable
from chalicelib.authoring.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from chalicelib.authoring.timetables.of_schedule import is_custom, rebuilt
from chalicelib.authoring.timetables.simple import OnceTimetable
from chalicelib.authoring.timetables.trigger import (
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)
from chalicelib.domain.schedule import timetables as planned
from chalicelib.domain.schedule.custom import QuestionKind, TimetableQuestion
from chalicelib.domain.schedule.timetables import Schedule
from chalicelib.store.dynamodb.attributes import ScheduleAttribute

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "airflow_timetables.json").read_text())
WORDS = json.loads((HERE / "airflow_cron_words.json").read_text())

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class StoppedClock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        raise AssertionError("timetables do not wait")


def delta(value: Any) -> Any:
    return relativedelta(**value) if isinstance(value, dict) else timedelta(seconds=value)


MAKE: dict[str, Callable[[dict[str, Any]], Timetable]] = {
    "cron": lambda told: CronDataIntervalTimetable(told["cron"], told["tz"]),
    "trigger": lambda told: CronTriggerTimetable(
        told["cron"], timezone=told["tz"], interval=delta(told["iv"])
    ),
    "delta": lambda told: DeltaDataIntervalTimetable(delta(told["d"])),
    "rdelta": lambda told: DeltaDataIntervalTimetable(delta(told["d"])),
    "events": lambda told: EventsTimetable([*map(at, told["dates"])], restrict_to_events=told["restrict"]),
    "once": lambda _: OnceTimetable(),
}


def at(text: str | None) -> Any:
    return text and datetime.fromisoformat(text)


def pair(interval: Any) -> Any:
    return interval and tuple(map(at, interval))


def test_timetables_plan_as_airflows_do() -> None:
    """The scheduler, by what is stored of a timetable, and the timetable itself."""
    for told, now, start, end, catchup, last, found, manual, inferred in RECORDED:
        timetable = MAKE[told["k"]](told)
        dag = DAG("d", schedule=timetable, start_date=START, end_date=at(end), catchup=catchup)
        schedule = replace(dag.planning, start_date=at(start))
        stored = ScheduleAttribute().deserialize(ScheduleAttribute().serialize(schedule))
        assert stored == schedule
        restriction = TimeRestriction(at(start), at(end), catchup)
        previous = pair(last)
        with clock.living_by(StoppedClock(at(now))):
            for wanted in found:
                by_store = stored.next_run(
                    previous and planned.DataInterval(start=previous[0], end=previous[1]), at(now)
                )
                info = timetable.next_dagrun_info(
                    last_automated_data_interval=previous and DataInterval(*previous), restriction=restriction
                )
                assert (by_store and (by_store.start, by_store.end)) == pair(wanted), (told, now)
                assert (info and tuple(info.data_interval)) == pair(wanted), (told, now)
                previous = pair(wanted)
            by_hand = stored.manual_interval(at(manual))
            assert (by_hand.start, by_hand.end) == pair(inferred), (told, manual)
            assert tuple(timetable.infer_manual_data_interval(run_after=at(manual))) == pair(inferred)


def test_cron_expressions_are_told_in_airflows_words() -> None:
    assert {expression: description_of(expression) for expression in WORDS} == WORDS
    assert description_of("61 * * * *") == ""


@pytest.mark.parametrize(
    "timetable",
    [
        CronDataIntervalTimetable("0 3 * * *", "Europe/Paris"),
        CronTriggerTimetable("@daily", timezone="UTC", interval=relativedelta(months=1, hours=2)),
        DeltaDataIntervalTimetable(relativedelta(months=-1, years=1)),
        DeltaTriggerTimetable(timedelta(minutes=90), interval=DAY),
        MultipleCronTriggerTimetable("0 3 * * *", "0 4 * * *", timezone="+02:00"),
        EventsTimetable([START + DAY, START], restrict_to_events=True),
        OnceTimetable(),
    ],
)
def test_a_timetable_is_made_again_of_its_stored_form(timetable: Timetable) -> None:
    assert rebuilt(timetable) == timetable
    assert not is_custom(timetable)


def test_several_expressions_make_a_run_for_each_of_their_moments() -> None:
    timetable = MultipleCronTriggerTimetable("0 3 * * *", "0 4,3 * * *", timezone="UTC", interval=DAY)
    assert (timetable.summary, timetable.description) == (
        "0 3 * * *, 0 4,3 * * *",
        "At 03:00, At 04:00 and 03:00",
    )
    schedule = replace(DAG_3("d", schedule=timetable, start_date=START, catchup=True).planning)
    first = schedule.next_run(None, START)
    assert first
    assert (first.start, first.end) == (START + timedelta(hours=3) - DAY, START + timedelta(hours=3))
    second = schedule.next_run(first, START)
    assert second
    assert second.end == START + timedelta(hours=4)
    latest = replace(schedule, catchup=False).next_run(None, START + 9 * DAY + timedelta(hours=3, minutes=5))
    assert latest
    assert latest.end == START + 9 * DAY + timedelta(hours=3)
    with pytest.raises(ValueError, match="cron expression required"):
        MultipleCronTriggerTimetable(timezone="UTC")


@pytest.mark.parametrize(
    ("timetable", "error", "text"),
    [
        (CronTriggerTimetable("61 * * * *", timezone="UTC"), AirflowTimetableInvalid, "out of range"),
        (DeltaDataIntervalTimetable(relativedelta(day=1)), NotOffered, "as a schedule"),
        (DeltaDataIntervalTimetable(relativedelta(months=-1)), AirflowTimetableInvalid, "must be positive"),
        (DeltaDataIntervalTimetable("one day"), AirflowTimetableInvalid, "neither a timedelta nor"),
        (EventsTimetable([START] * 5001), AirflowTimetableInvalid, "5001 events are too many"),
    ],
)
def test_a_timetable_that_plans_nothing_is_refused(
    timetable: Timetable, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        DAG("d", schedule=timetable, start_date=START).validate()


def test_the_events_of_a_timetable_have_words() -> None:
    assert (EventsTimetable([]).summary, EventsTimetable([]).description) == ("0 events", "No events")
    assert repr(EventsTimetable([START], description="one moment")) == "one moment"


# -- of the user's own -------------------------------------------------------------------------------


class EveryFewDays(Timetable):
    description = "every few days"

    def __init__(self, days: int) -> None:
        self.days = days

    def serialize(self) -> dict[str, Any]:
        return {"days": self.days}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "EveryFewDays":
        return cls(data["days"])

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        return DataInterval(run_after - self.days * DAY, run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        start = last_automated_data_interval.end if last_automated_data_interval else restriction.earliest
        if start is None or (restriction.latest and start > restriction.latest):
            return None
        return DagRunInfo(
            run_after=start + self.days * DAY + timedelta(hours=1),
            data_interval=DataInterval(start, start + self.days * DAY),
        )

    def generate_run_id(self, *, run_type: Any, data_interval: DataInterval | None, **extra: Any) -> str:
        return f"{run_type.value} of {extra.get('logical_date') or extra['run_after']:%d}"


class EverySecondDay(CronDataIntervalTimetable):
    def _get_next(self, current: datetime) -> datetime:
        return super()._get_next(super()._get_next(current))


def dag_with(timetable: Any, dag_class: Any = DAG, **arguments: Any) -> DAG:
    dag: DAG = dag_class("own", schedule=timetable, start_date=START, **arguments)
    dag.add_task(EmptyOperator(task_id="a"))
    return dag


def asked(dag: DAG, kind: QuestionKind = QuestionKind.NEXT_RUN, **what: Any) -> Any:
    answer = answer_of(dag, TimetableQuestion(dag_id="own", fileloc="own.py", kind=kind, **what))
    return answer.error or [(run.start, run.end, run.run_after, run.run_id) for run in answer.runs]


def test_what_a_timetable_plans_is_asked_with_the_dates_of_its_dag() -> None:
    dag = dag_with(EveryFewDays(2), end_date=START + 3 * DAY)
    dag.validate()
    hour = timedelta(hours=1)
    assert asked(dag) == [(START, START + 2 * DAY, START + 2 * DAY + hour, "scheduled of 01")]
    assert asked(dag, last=planned.DataInterval(start=START, end=START + 4 * DAY)) == []
    assert asked(dag, QuestionKind.BY_HAND, start_date=START) == [
        (START - 2 * DAY, START, START, "manual of 01")
    ]
    dates = {"start_date": START - 9 * DAY, "end_date": START - 5 * DAY}
    assert [run[0] for run in asked(dag, QuestionKind.RANGE, limit=9, **dates)] == [
        START + days * DAY for days in (-9, -7, -5)
    ]
    assert dag.planning == Schedule(
        expression="@timetable", is_custom=True, start_date=START, end_date=START + 3 * DAY
    )
    assert asked(dag_with(EveryFewDays(2), DAG_3))[0][3] == "scheduled of 03", "made of run_after"


def test_the_document_of_a_dag_holds_what_its_timetable_is_made_of() -> None:
    documents = [serialize(dag_with(EveryFewDays(days)), "own.py") for days in (2, 3)]
    assert documents[0]["timetable"] == {
        "summary": "EveryFewDays",
        "type": "EveryFewDays",
        "data": {"days": 2},
        "is_custom": True,
    }
    assert documents[0]["timetable_description"] == "every few days"
    assert documents[0] != documents[1]
    assert Schedule.of_document(documents[0]) == dag_with(EveryFewDays(2)).planning


def test_a_class_that_derives_from_airflows_overrides_its_times() -> None:
    dag = dag_with(EverySecondDay("0 0 * * *", "UTC"))
    assert is_custom(dag.timetable)
    assert asked(dag)[0][:3] == (START, START + 2 * DAY, START + 2 * DAY)
    interval = planned.DataInterval(start=START, end=START + 2 * DAY)
    after = following(dag, interval, START)
    assert after
    assert after.start == START + 2 * DAY


class NeverByTheClock(EveryFewDays):
    can_be_scheduled = False


def test_a_timetable_may_leave_all_runs_to_hands() -> None:
    planning = dag_with(NeverByTheClock(2)).planning
    assert (planning.is_automatic, planning.is_custom) == (False, True)


def own(**methods: Any) -> Timetable:
    """A timetable with these methods in place of its own."""
    made: Timetable = type("Own", (EveryFewDays,), methods)(2)
    return made


@pytest.mark.parametrize(
    ("gives", "text"),
    [
        (lambda *_, **__: 42, "AirflowTimetableInvalid: next_dagrun_info() gave 42, which is no DagRunInfo"),
        (lambda *_, **__: DagRunInfo(START, 7), "next_dagrun_info() gave 7, which is no DataInterval"),  # type: ignore[arg-type]
        (
            lambda *_, **__: DagRunInfo.interval(START.replace(tzinfo=None), START),
            "which is no aware datetime",
        ),
        (lambda *_, **__: DagRunInfo.interval(START, START - DAY), "ends before it starts"),
        (lambda *_, **__: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda *_, **__: exit(), "SystemExit"),
    ],
)
def test_nonsense_is_named(gives: Any, text: str) -> None:
    assert text in asked(dag_with(own(next_dagrun_info=gives)))


def test_a_run_that_was_made_already_and_an_id_that_is_none_are_nonsense() -> None:
    last = planned.DataInterval(start=START, end=START + DAY)
    again = own(next_dagrun_info=lambda *_, **__: DagRunInfo.interval(last.start, last.end))
    assert "gave the run that it was given" in asked(dag_with(again), last=last)
    assert "gave None, which is no run id" in asked(dag_with(own(generate_run_id=lambda *_, **__: None)))


@pytest.mark.parametrize(
    ("timetable", "text"),
    [
        (own(serialize=lambda _: {"days": object()}), "serialize"),
        (own(deserialize=classmethod(lambda cls, data: 3)), "made 3, which is no timetable"),
        (own(validate=lambda _: (_ for _ in ()).throw(AirflowTimetableInvalid("no"))), "no"),
    ],
)
def test_a_timetable_without_a_stored_form_is_refused(timetable: Timetable, text: str) -> None:
    with pytest.raises(AirflowTimetableInvalid, match=text):
        dag_with(timetable).validate()


def test_a_timetable_that_fails_leaves_a_run_without_a_successor() -> None:
    dag = dag_with(own(next_dagrun_info=lambda *_, **__: 1 / 0))
    assert following(dag, planned.DataInterval(start=START, end=START), START) is None
