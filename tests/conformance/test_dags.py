"""What ``engine.ports.store.Dags`` promises, over each store."""

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.domain.runs.dags import AlteredRun, Dag, DagImportError, DagVersion, LatestRun
from chalicelib.domain.schedule.custom import PlannedRun
from chalicelib.domain.schedule.dataset_conditions import DatasetCondition
from chalicelib.domain.schedule.timetables import DataInterval, Schedule
from chalicelib.engine.ports.store import Store, Write
from tests.scripted.examples import HOUR, NOON, a_dag, a_run

SCHEDULE = Schedule(
    expression="@daily",
    timezone="Europe/Amsterdam",
    start_date=NOON,
    end_date=NOON + HOUR,
    catchup=False,
    max_active_runs=3,
)
RUN = a_run().ref
FIRST = DataInterval(start=NOON, end=NOON + HOUR)
SECOND = DataInterval(start=NOON + HOUR, end=NOON + 2 * HOUR)


def test_an_unknown_dag_is_none(store: Store) -> None:
    assert store.dags.get("nothing") is None


def test_a_new_dag_is_kept_as_given(store: Store) -> None:
    dag = a_dag(
        schedule=SCHEDULE,
        default_start_date=NOON,
        has_params=True,
        is_paused=True,
        pause_changed_by="sync",
        generation=3,
    )
    assert store.dags.save(dag) == dag
    assert store.dags.get("sales") == dag


def test_a_sync_renews_what_the_file_says_and_keeps_what_users_did(store: Store) -> None:
    store.dags.save(a_dag(schedule=SCHEDULE, default_start_date=NOON))
    store.dags.set_paused("sales", True, "ada")
    store.dags.set_latest_run(a_run())

    found = a_dag(version="v2", fileloc="new.py", is_active=True, is_paused=False, generation=9)
    saved = store.dags.save(found)

    assert saved == replace(
        found,
        generation=1,
        is_paused=True,
        pause_changed_by="ada",
        latest_run=LatestRun(execution_date=NOON, run_uid="01RUN"),
    )
    assert store.dags.get("sales") == saved


def test_altered_runs_are_noted_once_and_forgotten_as_they_were_noted(store: Store) -> None:
    store.dags.save(a_dag())
    for clear_number in (0, 1, 1):
        store.dags.note_altered(RUN, clear_number)
    store.dags.forget_altered(RUN, 0)
    store.dags.forget_altered(RUN, 0)
    assert store.dags.get("sales") == a_dag(
        altered_runs=frozenset({AlteredRun(run_uid="01RUN", clear_number=1)})
    )
    store.dags.forget_altered(RUN, 1)
    assert store.dags.get("sales") == a_dag()


def test_no_altered_run_is_noted_of_another_life_of_a_dag_or_of_none(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.note_altered(replace(RUN, generation=RUN.generation + 1), 0)
    store.dags.note_altered(replace(RUN, dag_id="nothing"), 0)
    store.dags.forget_altered(replace(RUN, dag_id="nothing"), 0)
    assert store.dags.get("sales") == a_dag()
    assert store.dags.get("nothing") is None


def test_a_sync_keeps_altered_runs_and_the_next_life_of_a_dag_does_not(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.note_altered(RUN, 0)
    assert store.dags.save(a_dag(version="v2")).altered_runs
    store.dags.mark_deleted("sales")
    store.dags.revive("sales", 2, is_paused=True)
    revived = store.dags.get("sales")
    assert revived is not None
    assert not revived.altered_runs


def test_a_deleted_dag_comes_back_in_its_next_life(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.set_latest_run(a_run())
    store.dags.set_paused("sales", False, "ada")
    store.dags.mark_deleted("sales")

    store.dags.revive("sales", 2, is_paused=True)

    assert _dag(store) == a_dag(generation=2, is_paused=True)
    store.dags.set_paused("sales", False, "ada")
    store.dags.revive("sales", 2, is_paused=True)
    assert not _dag(store).is_paused, "a second time is no further life"


def test_a_sync_renews_a_deleted_dag_and_leaves_it_deleted(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.mark_deleted("sales")
    saved = store.dags.save(a_dag(version="v2"))
    assert saved == _dag(store) == a_dag(version="v2", generation=2, is_deleted=True)
    assert _ids(store.dags.list()) == set()


def test_only_what_is_deleted_and_still_defined_by_a_file_comes_back(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.mark_deleted("sales")
    store.dags.revive("sales", 1, is_paused=True)
    assert _dag(store).is_deleted, "it was deleted again since"
    store.dags.set_active("sales", False)
    store.dags.revive("sales", 2, is_paused=True)
    assert _dag(store).is_deleted
    store.dags.revive("nothing", 1, is_paused=True)
    assert store.dags.get("nothing") is None


def test_deleting_bumps_the_generation_and_hides_the_dag_from_lists(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.save(a_dag("costs"))

    deleted = store.dags.mark_deleted("sales")

    assert deleted == a_dag(generation=2, is_deleted=True)
    assert store.dags.get("sales") == deleted
    assert _ids(store.dags.list()) == {"costs"}


def test_a_dag_that_is_not_there_cannot_be_deleted(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.mark_deleted("sales")
    assert store.dags.mark_deleted("sales") is None
    assert store.dags.mark_deleted("nothing") is None
    assert store.dags.get("nothing") is None


def test_pausing_says_who_did_it(store: Store) -> None:
    store.dags.save(a_dag())
    assert store.dags.set_paused("sales", True, "ada")
    assert store.dags.get("sales") == a_dag(is_paused=True, pause_changed_by="ada")
    assert store.dags.set_paused("sales", True, "ada"), "again is no change"


def test_pausing_what_is_not_there_makes_nothing(store: Store) -> None:
    store.dags.save(a_dag("gone"))
    store.dags.mark_deleted("gone")
    assert not store.dags.set_paused("gone", True, "ada")
    assert not store.dags.set_paused("nothing", True, "ada")
    assert store.dags.get("nothing") is None


def test_an_end_of_a_run_pauses_its_dag_once(store: Store) -> None:
    store.dags.save(a_dag())
    for end in ("first", "second"):
        store.dags.pause_after(RUN, end, "scheduler", NOON)
        paused = store.dags.get("sales")
        assert paused is not None
        assert (paused.is_paused, paused.pause_changed_by, paused.paused_after) == (True, "scheduler", end)
        store.dags.set_paused("sales", False, "ada")
        store.dags.pause_after(RUN, end, "scheduler", NOON)
        unpaused = store.dags.get("sales")
        assert unpaused is not None
        assert not unpaused.is_paused


def test_a_run_of_an_earlier_life_pauses_nothing(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.pause_after(replace(RUN, generation=RUN.generation + 1), "an end", "scheduler", NOON)
    store.dags.pause_after(replace(RUN, dag_id="nothing"), "an end", "scheduler", NOON)
    assert store.dags.get("sales") == a_dag()
    assert store.dags.get("nothing") is None


def test_activity_is_set_on_known_dags_only(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.set_active("sales", False)
    store.dags.set_active("nothing", False)
    assert store.dags.get("sales") == a_dag(is_active=False)
    assert store.dags.get("nothing") is None


def test_the_latest_run_is_the_one_of_the_greatest_date(store: Store) -> None:
    store.dags.save(a_dag())
    for uid, date in (("b", NOON), ("a", NOON - HOUR), ("c", NOON + HOUR), ("b", NOON), ("d", NOON + HOUR)):
        store.dags.set_latest_run(a_run(uid, date))
    assert _dag(store).latest_run == LatestRun(execution_date=NOON + HOUR, run_uid="c")


def test_the_start_of_the_latest_run_is_noted_and_goes_with_it(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.set_latest_run(a_run())
    store.dags.set_latest_run(a_run(start_date=NOON + HOUR))
    store.dags.set_latest_run(a_run())
    started = LatestRun(execution_date=NOON, run_uid="01RUN", start_date=NOON + HOUR)
    assert _dag(store).latest_run == started
    store.dags.set_latest_run(a_run("older", NOON - HOUR, start_date=NOON))
    assert _dag(store).latest_run == started
    store.dags.set_latest_run(a_run("newer", NOON + HOUR))
    assert _dag(store).latest_run == LatestRun(execution_date=NOON + HOUR, run_uid="newer")


def test_a_run_that_was_started_before_it_was_announced_is_the_latest(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.set_latest_run(a_run(start_date=NOON))
    store.dags.set_latest_run(a_run())
    assert _dag(store).latest_run == LatestRun(execution_date=NOON, run_uid="01RUN", start_date=NOON)


def test_a_run_of_an_earlier_life_is_never_the_latest(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.mark_deleted("sales")
    store.dags.revive("sales", 2, is_paused=False)
    store.dags.set_latest_run(a_run(generation=1))
    store.dags.set_latest_run(a_run(dag_id="nothing"))
    assert _dag(store).latest_run is None
    assert store.dags.get("nothing") is None


def test_a_dag_moves_on_to_its_next_run(store: Store) -> None:
    dag = store.dags.save(a_dag(schedule=SCHEDULE))
    planned = store.dags.set_next_run(dag, FIRST, None)
    assert planned == Write(applied=True, item=replace(dag, next_run=FIRST))
    assert planned.item
    moved = store.dags.set_next_run(planned.item, SECOND, FIRST)
    assert moved == Write(applied=True, item=replace(dag, next_run=SECOND, last_interval=FIRST))
    assert _dag(store) == moved.item
    assert store.dags.save(dag) == moved.item, "a sync leaves it as it is"


def test_a_dag_is_moved_on_once(store: Store) -> None:
    planned = store.dags.set_next_run(store.dags.save(a_dag()), FIRST, None).item
    assert planned
    moved = store.dags.set_next_run(planned, SECOND, FIRST)
    assert store.dags.set_next_run(planned, SECOND, FIRST) == moved, "again is no change"
    late = store.dags.set_next_run(planned, None, FIRST)
    assert (late.applied, late.item) == (False, moved.item)
    ended = store.dags.set_next_run(_dag(store), None, SECOND)
    assert ended.applied
    assert _dag(store).next_run is None
    assert not store.dags.set_next_run(_known(moved), FIRST, None).applied


def test_a_dag_that_changed_meanwhile_is_not_moved_on(store: Store) -> None:
    seen = store.dags.save(a_dag())
    store.dags.set_paused("sales", True, "ada")
    assert not store.dags.set_next_run(seen, FIRST, None).applied
    seen = store.dags.save(a_dag(version="v2"))
    assert not store.dags.set_next_run(replace(seen, version="v1"), FIRST, None).applied
    store.dags.mark_deleted("sales")
    assert not store.dags.set_next_run(seen, FIRST, None).applied
    assert not store.dags.set_next_run(_dag(store), FIRST, None).applied
    assert store.dags.set_next_run(a_dag("nothing"), FIRST, None) == Write(applied=False, item=None)
    assert store.dags.get("nothing") is None


def test_dags_whose_next_run_is_due_are_found_while_they_are_not_paused(store: Store) -> None:
    for dag_id in ("sales", "costs"):
        store.dags.set_next_run(store.dags.save(a_dag(dag_id)), FIRST, None)
    store.dags.save(a_dag("never"))
    assert [*store.dags.due(NOON)] == []
    assert {*store.dags.due(FIRST.run_after)} == {"sales", "costs"}
    store.dags.set_paused("sales", True, "ada")
    assert [*store.dags.due(SECOND.end)] == ["costs"]
    store.dags.set_paused("sales", False, "ada")
    store.dags.set_next_run(replace(_dag(store), dag_id="costs"), SECOND, FIRST)
    assert [*store.dags.due(FIRST.run_after)] == ["sales"]


def test_a_paused_dag_is_planned_and_not_found_before_it_is_unpaused(store: Store) -> None:
    store.dags.set_next_run(store.dags.save(a_dag(is_paused=True)), FIRST, None)
    assert _dag(store).next_run == FIRST
    assert [*store.dags.due(SECOND.end)] == []
    store.dags.set_paused("sales", False, "ada")
    assert [*store.dags.due(SECOND.end)] == ["sales"]


OWN = PlannedRun(start=NOON, end=NOON + HOUR, due=NOON + 3 * HOUR, run_id="own__1")


def test_a_run_that_a_timetable_planned_is_kept_with_its_id(store: Store) -> None:
    asked = store.dags.set_next_run(store.dags.save(a_dag()), None, None, ask_at=NOON, error="no")
    assert asked.applied
    dag = _dag(store)
    assert (dag.next_run, dag.ask_at, dag.planning_error) == (None, NOON, "no")
    assert [*store.dags.due(NOON)] == ["sales"], "to be asked again"
    planned = store.dags.set_next_run(dag, OWN, FIRST)
    assert planned.applied
    assert planned.item == replace(dag, next_run=OWN, last_interval=FIRST, ask_at=None, planning_error=None)
    assert _dag(store) == planned.item
    assert ([*store.dags.due(NOON)], [*store.dags.due(OWN.due)]) == ([], ["sales"])
    assert store.dags.set_next_run(dag, OWN, FIRST) == planned, "again is no change"
    assert not store.dags.set_next_run(dag, None, FIRST, ask_at=NOON + HOUR).applied
    store.dags.set_active("sales", False)
    assert (_dag(store).next_run, _dag(store).ask_at) == (None, None)


def test_a_question_that_another_one_has_followed_is_void(store: Store) -> None:
    first = store.dags.set_next_run(store.dags.save(a_dag()), None, None, ask_at=NOON).item
    assert first
    assert store.dags.set_next_run(first, None, None, ask_at=NOON + HOUR).applied
    assert not store.dags.set_next_run(first, OWN, None).applied
    assert _dag(store).ask_at == NOON + HOUR


def test_a_schedule_of_a_timetable_is_kept_as_it_is(store: Store) -> None:
    schedule = Schedule(
        expression="0 3 * * *",
        is_trigger=True,
        interval="P0Y1M0DT0.0S",
        run_immediately=60.5,
        further=("0 4 * * *",),
        events=(NOON, NOON + HOUR),
        restrict_to_events=True,
        is_custom=True,
    )
    store.dags.save(a_dag(schedule=schedule))
    assert _dag(store).schedule == schedule


def test_what_no_file_defines_has_no_next_run(store: Store) -> None:
    store.dags.set_next_run(store.dags.save(a_dag()), SECOND, FIRST)
    store.dags.set_active("sales", True)
    assert _dag(store).next_run == SECOND
    store.dags.set_active("sales", False)
    assert (_dag(store).next_run, _dag(store).last_interval) == (None, FIRST)
    assert [*store.dags.due(SECOND.end)] == []


def test_a_deleted_dag_is_not_due_and_comes_back_as_if_it_had_never_run(store: Store) -> None:
    store.dags.set_next_run(store.dags.save(a_dag()), SECOND, FIRST)
    store.dags.mark_deleted("sales")
    assert [*store.dags.due(SECOND.end)] == []
    store.dags.revive("sales", 2, is_paused=False, next_run=FIRST)
    assert _dag(store) == a_dag(generation=2, next_run=FIRST)
    assert [*store.dags.due(SECOND.end)] == ["sales"]


def test_versions_are_kept_for_ever(store: Store) -> None:
    small = DagVersion(
        dag_id="sales", version="v1", document={"tasks": [{"ä": 1.5, "n": None}]}, code="print('ü')"
    )
    store.dags.save_version(small)
    store.dags.save_version(replace(small, code="another"))
    assert store.dags.version("sales", "v1") == small
    assert store.dags.version("sales", "v2") is None
    assert store.dags.version("nothing", "v1") is None


def test_a_version_may_be_larger_than_an_item(store: Store) -> None:
    noise = "".join(chr(33 + (number * number * 7919 + number // 7) % 90) for number in range(1_500_000))
    large = DagVersion(dag_id="sales", version="v9", document={"tasks": []}, code=noise)
    store.dags.save_version(large)
    assert store.dags.version("sales", "v9") == large


def test_import_errors_are_kept_per_file_until_cleared(store: Store) -> None:
    first = DagImportError(filename="a.py", stacktrace="boom", timestamp=NOON)
    second = replace(first, stacktrace="bang", timestamp=NOON + HOUR)
    store.dags.save_import_error(first)
    store.dags.save_import_error(second)
    store.dags.save_import_error(replace(first, filename="b.py"))
    store.dags.clear_import_error("b.py")
    store.dags.clear_import_error("never.py")
    assert [*store.dags.import_errors()] == [second]


def _dag(store: Store) -> Dag:
    dag = store.dags.get("sales")
    assert dag
    return dag


def _known(write: Write[Dag | None]) -> Dag:
    assert write.item
    return write.item


def _ids(dags: Iterable[Dag]) -> set[str]:
    return {dag.dag_id for dag in dags}


def test_the_moments_of_the_last_pause_are_kept(store: Store) -> None:
    store.dags.save(a_dag(is_paused=True))
    store.dags.set_paused("sales", False, "ada", NOON)
    store.dags.set_paused("sales", True, "ada", NOON + HOUR)
    store.dags.set_paused("sales", False, "ada", NOON + 2 * HOUR)
    dag = store.dags.get("sales")
    assert dag is not None
    assert (dag.paused_at, dag.unpaused_at) == (NOON + HOUR, NOON + 2 * HOUR)
    assert [dag.was_paused_at(NOON + hours * HOUR) for hours in range(3)] == [False, True, False]


def test_before_it_came_back_a_dag_counts_as_paused(store: Store) -> None:
    store.dags.save(a_dag())
    store.dags.set_paused("sales", True, "ada", NOON + HOUR)
    store.dags.mark_deleted("sales")
    store.dags.revive("sales", 2, is_paused=False, at=NOON + 3 * HOUR)
    dag = _dag(store)
    assert (dag.paused_at, dag.unpaused_at) == (None, NOON + 3 * HOUR)
    assert [dag.was_paused_at(NOON + hours * HOUR) for hours in range(4)] == [True, True, True, False]


def test_a_condition_on_datasets_follows_the_file(store: Store) -> None:
    condition = DatasetCondition.of({"any": ["a", {"alias": "x"}]})
    for wanted in (condition, None):
        store.dags.save(a_dag(dataset_condition=wanted, names_datasets=wanted is not None))
        dag = store.dags.get("sales")
        assert dag is not None
        assert dag.dataset_condition == wanted
        assert dag.names_datasets  # once for ever
