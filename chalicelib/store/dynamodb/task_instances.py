"""Task instances, the notes that upstreams leave on them, and finished tries."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.keys import task_key, try_key
from chalicelib.domain.tasks.notes import NO_NOTES, NOTE_NAMES, Notes
from chalicelib.domain.tasks.task_instances import (
    Expected,
    FinishedTry,
    TaskInstance,
    TaskInstanceChange,
    untouched,
)
from chalicelib.domain.tasks.voiding import VOID
from chalicelib.engine.ports.store import Write
from chalicelib.store.dynamodb.models import TaskInstanceItem
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.repeats import bears, shows

_TRY = "#try-"


class DynamoTaskInstances:
    """Implements ``engine.ports.store.TaskInstances``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.task_instances

    def get(self, run_uid: str, key: str) -> TaskInstance | None:
        item = self._table.get(run_uid, key)
        return _as_task_instance(item) if item else None

    def list(self, run_uid: str) -> Iterator[tuple[str, TaskInstance]]:
        """1 request per MB."""
        items = self._table.query(TaskInstanceItem.run_uid == run_uid)
        return ((item.task_key, _as_task_instance(item)) for item in items if _TRY not in item.task_key)

    def arrive(self, run_uid: str, key: str, added: Mapping[str, int]) -> Write[TaskInstance]:
        if not added:
            raise ValueError("no note to leave")
        lacks = reduce(or_, (~_note(name).contains(number) for name, number in added.items()))
        written = self._table.update((run_uid, key), _leave(added), lacks)
        return Write(applied=written.applied, item=_present(run_uid, key, written.item))

    def transition(
        self,
        run_uid: str,
        key: str,
        expected: Expected,
        change: TaskInstanceChange,
        added: Mapping[str, int] | None = None,
    ) -> Write[TaskInstance]:
        notes = added or {}
        actions = [*(_assign(name, value) for name, value in change.items()), *_leave(notes)]
        written = self._table.update((run_uid, key), actions, _is_as(expected))
        item = _present(run_uid, key, written.item)
        is_repeat = shows(item, change) and bears(item.notes, notes)
        return Write(applied=written.applied or is_repeat, item=item)

    def save_finished_try(self, finished: FinishedTry) -> None:
        self._table.put(
            TaskInstanceItem(
                finished.run_uid,
                try_key(finished.task_id, finished.map_index, finished.try_number),
                try_number=finished.try_number,
                state=finished.state,
                start_date=finished.start_date,
                end_date=finished.end_date,
                duration=finished.duration,
                hostname=finished.hostname,
                reason=finished.reason,
            ),
            TaskInstanceItem.run_uid.does_not_exist(),
        )

    def finished_tries(self, run_uid: str, task_id: str, map_index: int) -> Iterator[FinishedTry]:
        """1 request per MB."""
        is_try = TaskInstanceItem.task_key.startswith(task_key(task_id, map_index) + _TRY)
        return map(_as_finished_try, self._table.query((TaskInstanceItem.run_uid == run_uid) & is_try))

    def delete_run(self, run_uid: str) -> None:
        """1 request per MB, and 1 per 25 items."""
        self._table.delete_query(TaskInstanceItem.run_uid == run_uid)


def _note(name: str) -> Any:
    return getattr(TaskInstanceItem, f"mark_{name}")


def _leave(added: Mapping[str, int]) -> list[Action]:
    return [_note(name).add({number}) for name, number in added.items()]


def _assign(name: str, value: Any) -> Action:
    attribute: Attribute[Any] = getattr(TaskInstanceItem, name)
    if value in (None, ()) or value is False:
        return attribute.remove()
    # Serialized here: set() takes a tuple for the element of a list.
    return attribute.set({attribute.attr_type: attribute.serialize(value)})


def _is_as(expected: Expected) -> Condition:
    condition = _has_state(expected.states, is_withheld=expected.is_withheld)
    if expected.try_number is not None:
        condition &= _is_number(TaskInstanceItem.try_number, expected.try_number)
    if expected.lease_token is not None:
        condition &= TaskInstanceItem.lease_token == expected.lease_token
    if expected.updated_at is not None:
        condition &= TaskInstanceItem.updated_at == expected.updated_at
    if expected.clears is not None:
        condition &= _is_number(TaskInstanceItem.clears, expected.clears)
    if expected.voids is not None:
        condition &= _has_voids(expected.voids)
    if expected.is_unexpanded:
        condition &= TaskInstanceItem.map_length.does_not_exist()
    return condition


def _has_state(states: frozenset[TaskInstanceState | None], *, is_withheld: bool) -> Condition:
    options: list[Condition] = []
    if named := sorted(state for state in states if state):
        options.append(TaskInstanceItem.state.is_in(*named))
    if None in states:
        withheld = TaskInstanceItem.is_withheld
        is_as_expected = withheld.exists() if is_withheld else withheld.does_not_exist()
        options.append(TaskInstanceItem.state.does_not_exist() & is_as_expected)
    return reduce(or_, options)


def _is_number(attribute: Attribute[int], number: int) -> Condition:
    condition: Condition = attribute == number
    return condition if number else condition | attribute.does_not_exist()


def _has_voids(number: int) -> Condition:
    void = _note(VOID)
    absent: Condition = void.does_not_exist()
    count: Condition = size(void.attr_name) == number  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    return void.exists() & count if number else absent


def _present(run_uid: str, key: str, item: TaskInstanceItem | None) -> TaskInstance:
    return _as_task_instance(item) if item else untouched(run_uid, key)


def _as_task_instance(item: TaskInstanceItem) -> TaskInstance:
    return replace(
        untouched(item.run_uid, item.task_key),
        state=None if item.state is None else TaskInstanceState(item.state),
        try_number=item.try_number or 0,
        clears=item.clears or 0,
        is_withheld=bool(item.is_withheld),
        max_tries=item.max_tries,
        notes=_notes(item),
        lease_token=item.lease_token,
        lease_until=item.lease_until,
        retry_at=item.retry_at,
        sent_at=item.sent_at,
        sends=item.sends or 0,
        pool_parts=item.pool_parts or (),
        places=item.places or (),
        skips=item.skips or (),
        queued_dttm=item.queued_dttm,
        start_date=item.start_date,
        end_date=item.end_date,
        duration=item.duration,
        hostname=item.hostname,
        unixname=item.unixname,
        pid=item.pid,
        reason=item.reason,
        error=item.error,
        updated_at=item.updated_at,
        pokes=item.pokes or 0,
        reschedules=item.reschedules or 0,
        reschedule_date=item.reschedule_date,
        first_poke_at=item.first_poke_at,
        map_length=item.map_length,
        map_levels=item.map_levels or (),
        output_length=item.output_length,
        rendered_map_index=item.rendered_map_index,
        deferral=item.deferral,
        dataset_changes=item.dataset_changes,
    )


def _notes(item: TaskInstanceItem) -> Notes:
    sets = ((name, getattr(item, f"mark_{name}")) for name in NOTE_NAMES)
    return {name: frozenset(numbers) for name, numbers in sets if numbers} or NO_NOTES


def _as_finished_try(item: TaskInstanceItem) -> FinishedTry:
    instance = untouched(item.run_uid, item.task_key)
    return FinishedTry(
        run_uid=instance.run_uid,
        task_id=instance.task_id,
        map_index=instance.map_index,
        try_number=item.try_number,
        state=TaskInstanceState(item.state),
        start_date=item.start_date,
        end_date=item.end_date,
        duration=item.duration,
        hostname=item.hostname,
        reason=item.reason,
    )
