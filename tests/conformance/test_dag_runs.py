"""What ``engine.ports.store.DagRuns`` promises, over each store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, UnfinishedRun
from chalicelib.domain.states import DagRunState
from chalicelib.engine.ports.store import Store, Write
from chalicelib.store.dynamodb import DynamoStore
from tests.scripted.examples import HOUR, NOON, SECOND, a_dag, a_run

QUEUED = frozenset({DagRunState.QUEUED})


def test_a_created_run_is_found_by_date_and_by_id(store: Store) -> None:
    run = a_run(conf=Payload(reference="conf/01RUN.json"), start_date=NOON, end_date=NOON + HOUR)
    assert store.dag_runs.create(run, NOON + HOUR)
    assert store.dag_runs.get("sales", NOON) == run
    assert store.dag_runs.get_by_run_id("sales", run.run_id) == run
    assert [*store.dag_runs.unfinished("sales")] == [UnfinishedRun(run=run.ref, due_at=NOON + HOUR)]


def test_why_a_run_was_ended_is_kept_and_forgotten(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    failed = frozenset({DagRunState.FAILED})
    ended: DagRunChange = {"state": DagRunState.FAILED, "end_date": NOON, "reason": "timed_out"}
    write = store.dag_runs.transition(a_run().ref, QUEUED, ended)
    assert write == Write(applied=True, item=a_run(**ended))
    again: DagRunChange = {"state": DagRunState.QUEUED, "reason": None}
    store.dag_runs.transition(a_run().ref, failed, again)
    assert store.dag_runs.get("sales", NOON) == a_run(end_date=NOON)


def test_whether_a_run_was_given_a_date_is_kept(store: Store) -> None:
    store.dag_runs.create(a_run(is_undated=True), NOON)
    assert store.dag_runs.get("sales", NOON) == a_run(is_undated=True)


def test_what_was_never_created_is_none(store: Store) -> None:
    assert store.dag_runs.get("sales", NOON) is None
    assert store.dag_runs.get_by_run_id("sales", "manual") is None
    assert store.dag_runs.get_with_dag("sales", NOON) == (None, None)
    assert [*store.dag_runs.unfinished("sales")] == []
    assert [*store.dag_runs.list("sales")] == []


def test_many_runs_are_got_at_once(store: Store) -> None:
    dates = [NOON + timedelta(seconds=second) for second in range(103)]
    for date in dates[1:]:
        assert store.dag_runs.create(a_run(f"uid{date:%M%S}", date, run_id=f"{date:%M%S}"), NOON)
    found = [run.execution_date for run in store.dag_runs.get_many("sales", dates)]
    assert sorted(found) == dates[1:]
    assert [*store.dag_runs.get_many("sales", [])] == []


def test_an_instant_is_the_same_in_each_time_zone(store: Store) -> None:
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    store.dag_runs.create(a_run(), NOON)
    assert store.dag_runs.get("sales", in_tokyo) == a_run()


def test_an_execution_date_is_taken_once(store: Store) -> None:
    store.dag_runs.create(a_run("a"), NOON)
    assert not store.dag_runs.create(a_run("b", run_id="another"), NOON)
    assert store.dag_runs.get("sales", NOON) == a_run("a")
    assert store.dag_runs.get_by_run_id("sales", "another") is None


def test_a_run_id_is_taken_once(store: Store) -> None:
    store.dag_runs.create(a_run("a", run_id="mine"), NOON)
    assert not store.dag_runs.create(a_run("b", NOON + HOUR, run_id="mine"), NOON)
    assert store.dag_runs.get("sales", NOON + HOUR) is None
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["a"]


def test_the_same_run_may_be_created_again_and_stays_as_it_has_become(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    store.dag_runs.transition(a_run().ref, QUEUED, {"state": DagRunState.SUCCESS})
    store.dag_runs.remove_unfinished(a_run().ref)
    assert store.dag_runs.create(a_run(), NOON)
    assert store.dag_runs.create(a_run(), NOON + HOUR), "another due time makes no other run"
    assert store.dag_runs.get("sales", NOON) == a_run(state=DagRunState.SUCCESS)
    assert [*store.dag_runs.unfinished("sales")] == []


def test_a_run_of_an_earlier_life_makes_room(store: Store) -> None:
    store.dag_runs.create(a_run("old", run_id="first"), NOON)
    successor = a_run("new", run_id="second", generation=2)

    assert store.dag_runs.create(successor, NOON)

    assert store.dag_runs.get("sales", NOON) == successor
    assert store.dag_runs.get_by_run_id("sales", "second") == successor
    assert store.dag_runs.get_by_run_id("sales", "first") is None, "its id leads to another run now"
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["new"]


def test_a_late_creation_of_an_earlier_life_takes_nothing(store: Store) -> None:
    store.dag_runs.create(a_run("new", generation=2), NOON)
    assert not store.dag_runs.create(a_run("old", generation=1), NOON)
    assert store.dag_runs.get("sales", NOON) == a_run("new", generation=2)


def test_the_dag_and_its_run_are_read_together(store: Store) -> None:
    store.dags.save(a_dag())
    assert store.dag_runs.get_with_dag("sales", NOON) == (a_dag(), None)
    store.dag_runs.create(a_run(), NOON)
    assert store.dag_runs.get_with_dag("sales", NOON) == (a_dag(), a_run())


def test_runs_are_listed_by_date_with_both_ends(store: Store) -> None:
    dates = [NOON + number * HOUR for number in (3, 0, 2, 1)]
    for date in dates:
        store.dag_runs.create(a_run(f"at{date.hour}", date), NOON)
    store.dag_runs.create(a_run("other", dag_id="costs"), NOON)

    def listed(**options: object) -> list[int]:
        return [run.execution_date.hour for run in store.dag_runs.list("sales", **options)]  # type: ignore[arg-type]  # options of the port

    assert listed() == [12, 13, 14, 15]
    assert listed(descending=True) == [15, 14, 13, 12]
    assert listed(since=NOON + HOUR) == [13, 14, 15]
    assert listed(until=NOON + HOUR) == [12, 13]
    assert listed(since=NOON + HOUR, until=NOON + 2 * HOUR, descending=True) == [14, 13]
    assert listed(since=NOON + 2 * HOUR, until=NOON + HOUR) == []


@pytest.mark.parametrize(
    "date",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_dates_of_any_year_are_kept_and_sorted(store: Store, date: datetime) -> None:
    then = replace(
        a_run("then"),
        execution_date=date,
        run_id="then",
        data_interval_start=date,
        data_interval_end=date,
        queued_at=date,
        updated_at=date,
    )
    store.dag_runs.create(a_run("now"), NOON)
    store.dag_runs.create(then, date)
    assert store.dag_runs.get("sales", date) == then
    assert [run.execution_date for run in store.dag_runs.list("sales")] == sorted([date, NOON])


def test_a_transition_applies_from_the_given_states_only(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    running = a_run(state=DagRunState.RUNNING, start_date=NOON + HOUR, updated_at=NOON + HOUR)
    change: DagRunChange = {
        "state": DagRunState.RUNNING,
        "start_date": NOON + HOUR,
        "updated_at": NOON + HOUR,
    }

    assert store.dag_runs.transition(a_run().ref, QUEUED, change) == Write(applied=True, item=running)
    late: DagRunChange = {"state": DagRunState.FAILED, "updated_at": NOON + 2 * HOUR}
    assert store.dag_runs.transition(a_run().ref, QUEUED, late) == Write(applied=False, item=running)
    assert store.dag_runs.get("sales", NOON) == running


def test_a_repeated_transition_answers_as_the_first(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    change: DagRunChange = {"state": DagRunState.RUNNING, "updated_at": NOON + HOUR}
    first = store.dag_runs.transition(a_run().ref, QUEUED, change)
    assert store.dag_runs.transition(a_run().ref, QUEUED, change) == first
    assert first.applied


def test_a_run_that_is_gone_has_no_transition(store: Store) -> None:
    store.dag_runs.create(a_run("new"), NOON)
    gone = Write(applied=False, item=None)
    assert store.dag_runs.transition(a_run("old").ref, QUEUED, {"state": DagRunState.RUNNING}) == gone
    nowhere = a_run("new", NOON + HOUR).ref
    assert store.dag_runs.transition(nowhere, QUEUED, {"state": DagRunState.RUNNING}) == gone
    assert store.dag_runs.get("sales", NOON + HOUR) is None, "a refused change makes nothing"


def test_a_run_is_due_once_its_time_has_come(store: Store) -> None:
    for number in range(20):
        date = NOON + number * HOUR
        store.dag_runs.create(a_run(f"run{number}", date), NOON + number * SECOND)
    due = {*store.dag_runs.due(NOON + 5 * SECOND)}
    assert due == {("sales", NOON + number * HOUR) for number in range(6)}


def test_a_due_time_is_moved_while_the_run_is_not_over(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    assert store.dag_runs.move_due(a_run().ref, NOON + HOUR)
    assert [*store.dag_runs.due(NOON + HOUR - SECOND)] == []
    assert [*store.dag_runs.due(NOON + HOUR)] == [("sales", NOON)]
    assert [entry.due_at for entry in store.dag_runs.unfinished("sales")] == [NOON + HOUR]

    store.dag_runs.remove_unfinished(a_run().ref)
    assert not store.dag_runs.move_due(a_run().ref, NOON)
    assert [*store.dag_runs.due(NOON + HOUR)] == []


def test_the_entry_of_another_run_is_left_alone(store: Store) -> None:
    store.dag_runs.create(a_run("ours"), NOON)
    other = a_run("other").ref
    assert not store.dag_runs.move_due(other, NOON + HOUR)
    store.dag_runs.remove_unfinished(other)
    assert [(entry.run.run_uid, entry.due_at) for entry in store.dag_runs.unfinished("sales")] == [
        ("ours", NOON)
    ]


def test_the_first_runs_are_those_of_the_smallest_dates(store: Store) -> None:
    for uid, date in (("b", NOON), ("c", NOON + HOUR), ("a", NOON - HOUR)):
        store.dag_runs.create(a_run(uid, date), NOON)
    assert [run.run_uid for run in store.dag_runs.first("sales", 2)] == ["a", "b"]
    assert [run.run_uid for run in store.dag_runs.first("sales", 9)] == ["a", "b", "c"]
    assert [*store.dag_runs.first("nothing", 9)] == []


def test_a_deleted_run_leaves_nothing(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    store.dag_runs.create(a_run("other", NOON + HOUR), NOON)
    assert store.dag_runs.delete(a_run())
    assert store.dag_runs.delete(a_run()), "again is no change"
    assert store.dag_runs.get("sales", NOON) is None
    assert store.dag_runs.get_by_run_id("sales", a_run().run_id) is None
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["other"]
    assert [run.run_uid for run in store.dag_runs.list("sales")] == ["other"]


def test_a_run_that_has_changed_its_state_is_not_deleted(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    store.dag_runs.transition(a_run().ref, QUEUED, {"state": DagRunState.RUNNING})
    assert not store.dag_runs.delete(a_run())
    assert store.dag_runs.get("sales", NOON) == a_run(state=DagRunState.RUNNING)
    assert store.dag_runs.delete(a_run(state=DagRunState.RUNNING))


def test_deleting_a_run_leaves_the_one_that_took_its_place(store: Store) -> None:
    store.dag_runs.create(a_run("old"), NOON)
    store.dag_runs.create(a_run("new", generation=2), NOON)
    assert store.dag_runs.delete(a_run("old"))
    assert store.dag_runs.get("sales", NOON) == a_run("new", generation=2)
    assert store.dag_runs.get_by_run_id("sales", a_run().run_id) == a_run("new", generation=2)
    assert [entry.run.run_uid for entry in store.dag_runs.unfinished("sales")] == ["new"]


def test_a_transition_may_ask_for_a_fence(store: Store) -> None:
    store.dag_runs.create(a_run(), NOON)
    change: DagRunChange = {"fence": 7, "updated_at": NOON + HOUR}
    assert not store.dag_runs.transition(a_run().ref, QUEUED, change, fence=5).applied
    fenced = a_run(fence=7, updated_at=NOON + HOUR)
    assert store.dag_runs.transition(a_run().ref, QUEUED, change, fence=0).item == fenced
    late: DagRunChange = {"state": DagRunState.RUNNING, "updated_at": NOON + 2 * HOUR}
    assert store.dag_runs.transition(a_run().ref, QUEUED, late, fence=0) == Write(applied=False, item=fenced)
    assert store.dag_runs.transition(a_run().ref, QUEUED, late, fence=7).applied


def an_ended_run(store: Store) -> DagRun:
    store.dag_runs.create(a_run(), NOON)
    change: DagRunChange = {
        "state": DagRunState.FAILED,
        "start_date": NOON,
        "end_date": NOON + HOUR,
        "reason": "timed_out",
        "updated_at": NOON + HOUR,
    }
    run = store.dag_runs.transition(a_run().ref, QUEUED, change).item
    assert run is not None
    store.dag_runs.remove_unfinished(run.ref)
    return run


AGAIN: DagRunChange = {
    "state": DagRunState.QUEUED,
    "queued_at": NOON + 2 * HOUR,
    "start_date": None,
    "end_date": None,
    "reason": None,
    "clear_number": 1,
    "fence": 5,
    "updated_at": NOON + 2 * HOUR,
}


def test_a_run_that_is_over_can_be_put_back(store: Store) -> None:
    run = an_ended_run(store)
    assert store.dag_runs.requeue(run, AGAIN, NOON + 3 * HOUR)
    assert store.dag_runs.get("sales", NOON) == replace(run, **AGAIN)
    entry = UnfinishedRun(run=run.ref, due_at=NOON + 3 * HOUR, clear_number=1)
    assert [*store.dag_runs.unfinished("sales")] == [entry]
    assert [*store.dag_runs.due(NOON + 3 * HOUR)] == [("sales", NOON)]
    assert store.dag_runs.requeue(run, AGAIN, NOON + 3 * HOUR), "its first reply may have been lost"


def test_a_run_that_changed_since_is_not_put_back(store: Store) -> None:
    run = an_ended_run(store)
    for other in (
        replace(run, state=DagRunState.SUCCESS),
        replace(run, fence=3),
        replace(run, run_uid="other"),
    ):
        assert not store.dag_runs.requeue(other, AGAIN, NOON)
    assert store.dag_runs.get("sales", NOON) == run
    assert [*store.dag_runs.unfinished("sales")] == []


def test_who_closed_a_run_before_it_was_cleared_does_not_remove_its_entry(store: Store) -> None:
    run = an_ended_run(store)
    store.dag_runs.requeue(run, AGAIN, NOON)
    store.dag_runs.remove_unfinished(run.ref)
    assert len([*store.dag_runs.unfinished("sales")]) == 1
    store.dag_runs.remove_unfinished(run.ref, 1)
    assert [*store.dag_runs.unfinished("sales")] == []


def test_a_cleared_run_is_deleted_with_its_entry(store: Store) -> None:
    run = an_ended_run(store)
    store.dag_runs.requeue(run, AGAIN, NOON)
    assert store.dag_runs.delete(replace(run, **AGAIN))
    assert [*store.dag_runs.unfinished("sales")] == []
    assert store.dag_runs.get("sales", NOON) is None


def test_whoever_reads_only_the_first_due_runs_begins_elsewhere_each_minute(dynamo: DynamoStore) -> None:
    for number in range(60):
        dynamo.dag_runs.create(a_run(f"01RUN{number}", NOON + number * HOUR), NOON)
    minutes = [NOON + timedelta(hours=1, minutes=minute) for minute in range(16)]
    assert len({next(dynamo.dag_runs.due(minute)) for minute in minutes}) > 8
    assert {frozenset(dynamo.dag_runs.due(minute)) for minute in minutes[:2]} == {
        frozenset(("sales", NOON + number * HOUR) for number in range(60))
    }
