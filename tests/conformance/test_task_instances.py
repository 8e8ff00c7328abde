"""What ``engine.ports.store.TaskInstances`` promises, over each store."""

from dataclasses import replace

import pytest

from chalicelib.domain.graph.join import END_OF_RUN, Join
from chalicelib.domain.graph.trigger_rules import TriggerRule
from chalicelib.domain.runs.deferrals import Deferral
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import END_OF_RUN_KEY, bucket_key, task_key
from chalicelib.domain.tasks.notes import NOTE_NAMES
from chalicelib.domain.tasks.task_instances import (
    Expected,
    FinishedTry,
    TaskInstance,
    TaskInstanceChange,
)
from chalicelib.engine.ports.store import Store, Write
from tests.scripted.examples import HOUR, NOON

RUN = "01RUN"
KEY = task_key("load.eu-west_1", 3)
BLANK = TaskInstance(run_uid=RUN, task_id="load.eu-west_1", map_index=3)
UNTOUCHED = Expected(states=frozenset({None}))

FULL: TaskInstanceChange = {
    "state": TaskInstanceState.RUNNING,
    "try_number": 2,
    "clears": 1,
    "max_tries": 3,
    "lease_token": "token-1",
    "lease_until": NOON + HOUR,
    "retry_at": NOON,
    "sent_at": NOON,
    "sends": 4,
    "pool_parts": ((0, 16), (3, 1)),
    "places": ((1, 0),),
    "skips": ("b", "a"),
    "queued_dttm": NOON,
    "start_date": NOON,
    "end_date": NOON,
    "duration": 1.0 / 3.0,
    "hostname": "host",
    "unixname": "user",
    "pid": 12,
    "reason": "",
    "updated_at": NOON,
    "pokes": 7,
    "reschedules": 2,
    "reschedule_date": NOON + HOUR,
    "first_poke_at": NOON,
    "map_length": 3,
    "output_length": 0,
    "rendered_map_index": "three",
    "deferral": Deferral(
        trigger_id=7,
        window=3,
        classpath="triggers.Wait",
        kwargs='{"says":"ü"}',
        method_name=None,
        method_kwargs="{}",
        created_at=NOON,
        began_at=NOON,
        due_at=NOON + HOUR,
        timeout_at=NOON + HOUR,
        event="null",
        error="Trigger failure",
        traceback="Traceback",
    ),
}


def test_an_item_nobody_touched_is_none(store: Store) -> None:
    assert store.task_instances.get(RUN, KEY) is None
    assert [*store.task_instances.list(RUN)] == []


def test_all_fields_are_kept_exactly(store: Store) -> None:
    whole = replace(BLANK, **FULL)
    assert store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL) == Write(applied=True, item=whole)
    assert store.task_instances.get(RUN, KEY) == whole


def test_none_removes_a_field(store: Store) -> None:
    store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL)
    change: TaskInstanceChange = {
        "lease_token": None,
        "lease_until": None,
        "pool_parts": (),
        "places": (),
        "skips": (),
        "duration": None,
        "updated_at": NOON + HOUR,
    }
    running = Expected(states=frozenset({TaskInstanceState.RUNNING}))
    expected = replace(replace(BLANK, **FULL), **change)
    assert store.task_instances.transition(RUN, KEY, running, change).item == expected
    assert store.task_instances.get(RUN, KEY) == expected


def test_a_change_applies_only_to_an_item_that_is_as_expected(store: Store) -> None:
    store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL)
    whole = replace(BLANK, **FULL)
    change: TaskInstanceChange = {"state": TaskInstanceState.SUCCESS, "updated_at": NOON + HOUR}
    running = frozenset({TaskInstanceState.RUNNING, None})
    for expected in (
        UNTOUCHED,
        Expected(states=frozenset({TaskInstanceState.QUEUED, TaskInstanceState.SCHEDULED})),
        Expected(states=running, try_number=1),
        Expected(states=running, lease_token="token-2"),
        Expected(states=running, try_number=0),
        Expected(states=running, clears=0),
        Expected(states=running, voids=1),
    ):
        assert store.task_instances.transition(RUN, KEY, expected, change) == Write(applied=False, item=whole)
    right = Expected(states=running, try_number=2, lease_token="token-1", clears=1, voids=0)
    assert store.task_instances.transition(RUN, KEY, right, change).applied


def test_an_item_is_not_made_where_one_was_expected(store: Store) -> None:
    queued = Expected(states=frozenset({TaskInstanceState.QUEUED}))
    change: TaskInstanceChange = {"state": TaskInstanceState.RUNNING, "updated_at": NOON}
    assert store.task_instances.transition(RUN, KEY, queued, change) == Write(applied=False, item=BLANK)
    assert store.task_instances.get(RUN, KEY) is None


def test_what_is_withheld_is_as_expected_only_where_that_is_expected(store: Store) -> None:
    tasks, withheld = store.task_instances, Expected(states=frozenset({None}), is_withheld=True)
    begin: TaskInstanceChange = {"state": TaskInstanceState.QUEUED, "updated_at": NOON}
    assert not tasks.transition(RUN, KEY, withheld, begin).applied
    assert tasks.transition(RUN, KEY, UNTOUCHED, {"is_withheld": True, "updated_at": NOON}).item.is_withheld
    assert not tasks.transition(RUN, KEY, UNTOUCHED, begin).applied
    assert tasks.transition(RUN, KEY, withheld, {"is_withheld": False, "updated_at": NOON}).applied
    assert tasks.transition(RUN, KEY, UNTOUCHED, begin).item == replace(
        BLANK, state=TaskInstanceState.QUEUED, updated_at=NOON
    )


def test_try_zero_is_the_try_of_an_item_without_one(store: Store) -> None:
    expected = Expected(states=frozenset({None}), try_number=0)
    change: TaskInstanceChange = {"state": TaskInstanceState.SKIPPED, "updated_at": NOON}
    assert store.task_instances.transition(RUN, KEY, expected, change).applied


def test_a_repeated_change_answers_as_the_first(store: Store) -> None:
    added = {"success": 1}
    first = store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL, added)
    assert store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL, added) == first
    assert first.applied


def test_two_invocations_never_both_claim_a_try(store: Store) -> None:
    ours: TaskInstanceChange = {**FULL, "lease_token": "ours"}
    theirs: TaskInstanceChange = {**FULL, "lease_token": "theirs"}
    assert store.task_instances.transition(RUN, KEY, UNTOUCHED, ours).applied
    refused = store.task_instances.transition(RUN, KEY, UNTOUCHED, theirs)
    assert not refused.applied
    assert refused.item.lease_token == "ours"


def test_a_change_that_leaves_a_further_mark_is_no_repetition(store: Store) -> None:
    store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL, {"success": 1})
    refused = store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL, {"success": 2})
    assert not refused.applied
    assert refused.item.notes == {"success": {1}}


def test_marks_add_up_whatever_they_are(store: Store) -> None:
    for number, name in enumerate((*NOTE_NAMES, *NOTE_NAMES)):
        assert store.task_instances.arrive(RUN, KEY, {name: number}).applied
    item = store.task_instances.get(RUN, KEY)
    assert item
    count = len(NOTE_NAMES)
    assert item == replace(
        BLANK, notes={name: frozenset({number, number + count}) for number, name in enumerate(NOTE_NAMES)}
    )


def test_an_arrival_that_was_made_already_does_not_apply(store: Store) -> None:
    first = store.task_instances.arrive(RUN, KEY, {"skipped": 0, "skip_order": 0})
    again = store.task_instances.arrive(RUN, KEY, {"skipped": 0, "skip_order": 0})
    assert again == Write(applied=False, item=first.item)
    part = store.task_instances.arrive(RUN, KEY, {"skipped": 0, "success": 0})
    assert part.applied
    assert part.item.notes == {"skipped": {0}, "skip_order": {0}, "success": {0}}


def test_an_arrival_leaves_a_note_or_is_none(store: Store) -> None:
    with pytest.raises(ValueError, match="no note to leave"):
        store.task_instances.arrive(RUN, KEY, {})


def test_an_arrival_and_a_change_can_be_one_write(store: Store) -> None:
    store.task_instances.arrive(RUN, KEY, {"success": 7})
    change: TaskInstanceChange = {"state": TaskInstanceState.QUEUED, "updated_at": NOON}
    written = store.task_instances.transition(RUN, KEY, UNTOUCHED, change, {"failed": 8})
    assert written.applied
    assert written.item == replace(
        BLANK, **change, notes={"success": frozenset({7}), "failed": frozenset({8})}
    )
    assert store.task_instances.get(RUN, KEY) == written.item


def test_buckets_and_the_end_of_the_run_are_listed_and_finished_tries_are_not(store: Store) -> None:
    join = Join(task_id="join", upstream=tuple(f"t{n}" for n in range(65)), trigger_rule=TriggerRule.ALL_DONE)
    keys = [END_OF_RUN_KEY, bucket_key(join, 1), task_key("join"), KEY]
    for key in keys:
        store.task_instances.arrive(RUN, key, {"complete": 1})
    store.task_instances.arrive("another run", KEY, {"success": 1})
    store.task_instances.save_finished_try(_finished(1))

    listed = dict(store.task_instances.list(RUN))

    assert sorted(listed) == sorted(keys)
    assert listed[KEY].key == KEY
    assert listed[END_OF_RUN_KEY].task_id == END_OF_RUN
    assert listed[bucket_key(join, 1)].task_id == "join"


def test_finished_tries_come_in_order(store: Store) -> None:
    for number in (2, 10, 1, 2):
        store.task_instances.save_finished_try(_finished(number))
    store.task_instances.save_finished_try(replace(_finished(4), task_id="load.eu-west_10"))
    store.task_instances.save_finished_try(replace(_finished(5), map_index=31))
    tries = [*store.task_instances.finished_tries(RUN, "load.eu-west_1", 3)]
    assert tries == [_finished(1), _finished(2), _finished(10)]


def test_the_first_record_of_a_finished_try_stays(store: Store) -> None:
    store.task_instances.save_finished_try(_finished(1))
    store.task_instances.save_finished_try(replace(_finished(1), state=TaskInstanceState.SUCCESS))
    assert [*store.task_instances.finished_tries(RUN, "load.eu-west_1", 3)] == [_finished(1)]


def test_a_state_can_be_taken_away(store: Store) -> None:
    whole = store.task_instances.transition(RUN, KEY, UNTOUCHED, FULL).item
    change: TaskInstanceChange = {"state": None, "clears": 2, "updated_at": NOON + HOUR}
    running = Expected(states=frozenset({TaskInstanceState.RUNNING}), clears=1)
    assert store.task_instances.transition(RUN, KEY, running, change).applied
    assert store.task_instances.get(RUN, KEY) == replace(whole, **change)


def test_an_item_is_told_from_the_same_with_other_marks_void(store: Store) -> None:
    store.task_instances.arrive(RUN, KEY, {"void": 3, "success": 3})
    store.task_instances.arrive(RUN, KEY, {"void": 4})
    change: TaskInstanceChange = {"state": TaskInstanceState.SKIPPED, "updated_at": NOON}
    for number in (0, 1, 3):
        before = Expected(states=frozenset({None}), clears=0, voids=number)
        assert not store.task_instances.transition(RUN, KEY, before, change).applied
    now = Expected(states=frozenset({None}), clears=0, voids=2)
    assert store.task_instances.transition(RUN, KEY, now, change).applied


def test_a_finished_try_may_lack_what_it_never_had(store: Store) -> None:
    bare = replace(_finished(1), start_date=None, end_date=None, duration=None, hostname=None, reason=None)
    store.task_instances.save_finished_try(bare)
    assert [*store.task_instances.finished_tries(RUN, "load.eu-west_1", 3)] == [bare]


def _finished(number: int) -> FinishedTry:
    return FinishedTry(
        run_uid=RUN,
        task_id="load.eu-west_1",
        map_index=3,
        try_number=number,
        state=TaskInstanceState.FAILED,
        start_date=NOON,
        end_date=NOON + HOUR,
        duration=3600.0,
        hostname="host",
        reason="boom",
    )


def test_a_state_that_came_again_is_told_from_the_same_state_before(store: Store) -> None:
    waiting = TaskInstanceChange(state=TaskInstanceState.SCHEDULED, try_number=1, updated_at=NOON + HOUR)
    store.task_instances.transition(RUN, KEY, UNTOUCHED, waiting)
    states = frozenset({TaskInstanceState.SCHEDULED})
    queued = TaskInstanceChange(state=TaskInstanceState.QUEUED)
    before = Expected(states=states, try_number=1, updated_at=NOON)
    assert not store.task_instances.transition(RUN, KEY, before, queued).applied
    now = Expected(states=states, try_number=1, updated_at=NOON + HOUR)
    assert store.task_instances.transition(RUN, KEY, now, queued).applied
