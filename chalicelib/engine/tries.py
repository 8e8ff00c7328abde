"""Putting a try on its way to a worker, and on its way again.

A try takes its slots, is written ``queued``, and is sent, in that order: slots without a queued try
are found by the audit of pools, a queued try without a message by the sweep of its run.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain import lifecycle
from chalicelib.domain.dag_runs import RunFacts
from chalicelib.domain.generations import VOID
from chalicelib.domain.graph import Task
from chalicelib.domain.messages import RetryTask, RunTask, WakePool
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.task_instances import (
    Expected,
    Parts,
    TaskInstance,
    TaskInstanceChange,
    holder_name,
)
from chalicelib.engine import slots
from chalicelib.engine.core import Engine
from chalicelib.engine.outbox import Outbox

_LIVE = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """The tries of one run's tasks while one message of it is handled."""

    engine: Engine
    facts: RunFacts
    outbox: Outbox

    def start(
        self,
        task: Task,
        item: TaskInstance,
        try_number: int,
        *,
        added: Mapping[str, int] | None = None,
        prepaid: Parts = (),
        first_attempt: bool = False,
    ) -> bool:
        """Start a try of an item that is still as it was read, or let it wait for its pool.

        False if it waits.

        ``added`` are marks to leave on the item in the same write, ``prepaid`` slots that the try was
        handed already; ``first_attempt`` says that the try cannot hold slots from a handler that died.
        """
        holder = holder_name(self.facts.ref.run_uid, item.key, try_number)
        if prepaid:
            grant = slots.Grant(parts=prepaid)
        else:
            grant = slots.take(self.engine, task, holder, first_attempt=first_attempt)
        if grant.refusal is not None:
            self._wait(task, item, try_number, added, grant.refusal)
            return False
        change = lifecycle.queued(task, item, try_number, grant.parts, self.engine.now())
        standing = self._change(item, change, added)
        if standing.state is TaskInstanceState.SCHEDULED and standing.try_number == try_number:
            # Another handler let it wait meanwhile. Slots given back now might be those by which a third
            # one has just started it, so they are asked for anew in its name.
            return self.start(task, standing, try_number)
        is_live = standing.holder == holder and standing.state in _LIVE
        # What was taken twice, or for a try that is over or will never be, has no owner. A try that is
        # yet to be (of a task that was cleared meanwhile) finds its slots taken, or the audit frees them.
        is_to_be = standing.state is None and standing.try_number < try_number
        unowned = [part for part in grant.parts if not (is_live and part in standing.pool_parts)]
        unowned = [] if is_to_be else unowned
        self._give_back(task, holder, tuple(unowned))
        if is_live and standing.state is TaskInstanceState.QUEUED:
            self.send(standing)
        return True

    def send(self, item: TaskInstance) -> None:
        """Send the message of a queued try."""
        message = RunTask(
            run=self.facts,
            task_id=item.task_id,
            map_index=item.map_index,
            try_number=item.try_number,
            max_tries=item.max_tries or 0,
        )
        self.outbox.post(message)

    def resend(self, item: TaskInstance) -> None:
        """Send the message of a queued try once more, and wait longer before the next time."""
        now = self.engine.now()
        change = TaskInstanceChange(sent_at=now, sends=item.sends + 1, updated_at=now)
        expected = Expected(states=frozenset({item.state}), try_number=item.try_number)
        tasks = self.engine.store.task_instances
        if tasks.transition(item.run_uid, item.key, expected, change).applied:
            self.send(item)

    def retry_later(self, task: Task, item: TaskInstance) -> None:
        """Close a failed try, and have its task tried again in time."""
        self.close(task, item)
        now = self.engine.now()
        message = RetryTask(
            run=self.facts.ref, task_id=item.task_id, map_index=item.map_index, try_number=item.try_number
        )
        self.outbox.post(message, lifecycle.seconds_until(item.retry_at or now, now))

    def close(self, task: Task, item: TaskInstance) -> None:
        """Keep the record of a try that is to be followed by another, and give its slots back."""
        self.engine.store.task_instances.save_finished_try(lifecycle.finished_try(item))
        self.give_back(task, item)

    def give_back(self, task: Task, item: TaskInstance) -> None:
        """Give the slots of a try back and wake who waits for them."""
        self._give_back(task, item.holder, item.pool_parts)

    def _give_back(self, task: Task, holder: str, parts: Parts) -> None:
        if parts and self.engine.store.pools.give(task.pool, holder, parts):
            self.outbox.post(WakePool(pool=task.pool))

    def _change(
        self, item: TaskInstance, change: TaskInstanceChange, added: Mapping[str, int] | None
    ) -> TaskInstance:
        expected = Expected(
            states=frozenset({item.state}),
            try_number=item.try_number or None,
            updated_at=item.updated_at,
            clears=item.clears,
            voids=len(item.marks.get(VOID, ())) if item.state is None else None,
        )
        tasks = self.engine.store.task_instances
        return tasks.transition(item.run_uid, item.key, expected, change, added).item

    def _wait(
        self,
        task: Task,
        item: TaskInstance,
        try_number: int,
        added: Mapping[str, int] | None,
        refusal: str,
    ) -> None:
        standing = item
        if item.state is not TaskInstanceState.SCHEDULED:
            change = lifecycle.waiting(task, item, try_number, refusal, self.engine.now())
            standing = self._change(item, change, added)
        if standing.try_number != try_number or standing.state is not TaskInstanceState.SCHEDULED:
            return
        if slots.enter_waiter(self.engine, slots.waiter_of(self.facts.ref, task, standing)):
            self.outbox.post(WakePool(pool=task.pool))
