"""Tries on their way to a worker: started, sent, sent again, or waiting for slots.

A try takes its slots, is written ``queued``, and is sent, in that order: slots without a queued try
are found by the audit of pools, a queued try without a message by the sweep of its run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain import moments
from chalicelib.domain.graph.graph import NOT_MAPPED, Task
from chalicelib.domain.messages import RetryTask, RunTask, WakePool
from chalicelib.domain.observations import TaskEnded
from chalicelib.domain.runs.dag_runs import RunFacts
from chalicelib.domain.slots.pools import Parts, Places, Waiter
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.domain.tasks.voiding import VOID
from chalicelib.engine.engine import Engine
from chalicelib.engine.outbox import Outbox
from chalicelib.engine.ports.store import Write
from chalicelib.engine.slots import taking, waiting

EndOf = Callable[[TaskInstance], TaskInstanceState]
"""Says how a task instance ends that is as it was read."""

_ATTEMPTS = 4
"""Tries to end a task instance that others change at the same moment; then a further message does it."""

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
        is_its_turn: bool = False,
    ) -> Waiter | None:
        """Start a try of an item that is still as it was read, or let it wait for taking.

        The entry under which it waits, if it does.

        ``added`` are notes to leave on the item in the same write, ``prepaid`` slots that the try was
        handed already; ``first_attempt`` says that the try cannot hold slots from a handler that died, and
        ``is_its_turn`` that it is the one that comes first of those that wait for them.
        """
        holder = item.next_holder(try_number)
        if prepaid:
            grant = taking.Grant(parts=prepaid)
        else:
            grant = taking.take_for(
                self.engine, task, holder, first_attempt=first_attempt, is_its_turn=is_its_turn
            )
        if grant.refusal is not None:
            return self._wait(task, item, try_number, added, grant, grant.refusal)
        change = changes.queued(task, item, try_number, grant.parts, grant.places, self.engine.now())
        standing = self._change(item, change, added).item
        if _is_waiting(standing, try_number):
            return self._ask_anew(task, standing)
        self._give_back_unowned(task, holder, grant, standing, try_number)
        if _is_live(standing, holder) and standing.state is TaskInstanceState.QUEUED:
            self.send(standing)
        return None

    def send(self, item: TaskInstance, delay_seconds: int = 0) -> None:
        """Send the message of a queued try, or of a sensor that sleeps until its next poke."""
        message = RunTask(
            run=self.facts,
            task_id=item.task_id,
            map_index=item.map_index,
            try_number=item.try_number,
            max_tries=item.max_tries or 0,
        )
        if item.is_asleep:
            message = replace(message, pokes=item.pokes, begun_at=item.start_date)
        if item.deferral is not None:
            message = replace(message, deferred_since=item.deferral.began_at)
        self.outbox.post(message, delay_seconds)

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
        self.outbox.post(message, moments.seconds_until(item.retry_at or now, now))

    def close(self, task: Task, item: TaskInstance) -> None:
        """Keep the record of a try that is to be followed by another, and give its slots back."""
        self.engine.store.task_instances.save_finished_try(changes.finished_try(item))
        self.give_back(task, item)

    def give_back(self, task: Task, item: TaskInstance) -> None:
        """Give the slots of a try back and wake their waiters."""
        self._give_back(task, item.holder, item.pool_parts, item.places)

    def end_now(self, task: Task, item: TaskInstance, end_of: EndOf, reason: str) -> TaskInstance | None:
        """End a task instance, whatever it has become meanwhile; how it ended.

        None if others kept changing it, if it was cleared (for its run may go on), or expanded (for its
        instances are there to be ended).
        """
        tasks, standing = self.engine.store.task_instances, item
        for _ in range(_ATTEMPTS):
            expected = Expected(
                states=frozenset({standing.state}),
                try_number=standing.try_number,
                updated_at=standing.updated_at,
                clears=item.clears,
                is_unexpanded=task.is_mapped and item.map_index == NOT_MAPPED,
            )
            change = changes.ended_from_outside(standing, end_of(standing), reason, self.engine.now())
            write = tasks.transition(standing.run_uid, standing.key, expected, change)
            if write.applied:
                self.engine.observe(TaskEnded.of(self.facts.ref.dag_id, self.facts.run_id, write.item))
                self.let_go(task, standing)
                return write.item
            standing = replace(write.item, map_length=item.map_length, map_levels=item.map_levels)
            if standing.clears != item.clears or (expected.is_unexpanded and write.item.map_length):
                return None
            if standing.state in FINAL_STATES:
                return standing
        return None

    def withhold(self, item: TaskInstance, reason: str) -> TaskInstance | None:
        """Let a task instance that has not begun never begin; as it is then, None if it has, or was cleared.

        A handler that has read it before is refused, and gives back what it took for it.
        """
        expected = Expected(states=frozenset({None}), clears=item.clears)
        change = changes.withheld(item, reason, self.engine.now())
        tasks = self.engine.store.task_instances
        write = tasks.transition(item.run_uid, item.key, expected, change)
        return write.item if write.applied or write.item.is_withheld else None

    def let_go(self, task: Task, item: TaskInstance) -> None:
        """Give back the slots that an instance held when it was ended, or its place among the waiters.

        What a crash leaves undone here is found by the audit of pools, and by the waking of waiters.
        """
        if item.state is TaskInstanceState.SCHEDULED:
            for waiter in waiting.waiters_of(self.facts.ref, task, item):
                self.engine.store.pools.remove_waiter(waiter)
        self.give_back(task, item)

    def _ask_anew(self, task: Task, standing: TaskInstance) -> Waiter | None:
        """Start a try that another handler let wait meanwhile.

        Slots given back now might be those by which a third one has just started it, so they are asked
        for anew in its name.
        """
        return self.start(task, standing, standing.try_number)

    def _give_back_unowned(
        self, task: Task, holder: str, grant: taking.Grant, standing: TaskInstance, try_number: int
    ) -> None:
        """Give back what was taken twice, or for a try that is over or will never be.

        A try that is yet to be (of a task that was cleared meanwhile) finds its slots taken, or the audit
        frees them.
        """
        if standing.state is None and standing.try_number < try_number and not standing.is_withheld:
            return
        is_live = _is_live(standing, holder)
        parts = tuple(part for part in grant.parts if not (is_live and part in standing.pool_parts))
        places = tuple(place for place in grant.places if not (is_live and place in standing.places))
        self._give_back(task, holder, parts, places)

    def _give_back(self, task: Task, holder: str, parts: Parts, places: Places) -> None:
        for pool in taking.give(self.engine, task, holder, parts, places):
            self.outbox.post(WakePool(pool=pool))

    def _change(
        self, item: TaskInstance, change: TaskInstanceChange, added: Mapping[str, int] | None
    ) -> Write[TaskInstance]:
        expected = Expected(
            states=frozenset({item.state}),
            try_number=item.try_number or None,
            updated_at=item.updated_at,
            clears=item.clears,
            voids=len(item.notes.get(VOID, ())) if item.state is None else None,
        )
        tasks = self.engine.store.task_instances
        return tasks.transition(item.run_uid, item.key, expected, change, added)

    def _wait(
        self,
        task: Task,
        item: TaskInstance,
        try_number: int,
        added: Mapping[str, int] | None,
        grant: taking.Grant,
        refusal: taking.Refusal,
    ) -> Waiter | None:
        standing = item
        if item.state is not TaskInstanceState.SCHEDULED or grant.places:
            gives_back = bool(grant.places)
            change = changes.waiting(
                task, item, try_number, refusal.text, self.engine.now(), gives_back=gives_back
            )
            write = self._change(item, change, added)
            standing = write.item
            if grant.places and not write.applied and _is_waiting(standing, try_number):
                return self._ask_anew(task, standing)
            # After the write: no handler can start the try on the places that are given back. One that read
            # it before is refused, and one that reads it now asks for slots under another name.
            self._give_back_unowned(task, item.next_holder(try_number), grant, standing, try_number)
        if not _is_waiting(standing, try_number):
            return None
        waiter = waiting.waiter_of(self.facts.ref, task, standing, refusal)
        if waiting.enter_waiter(self.engine, waiter):
            self.outbox.post(WakePool(pool=waiter.pool))
        return waiter


def _is_waiting(standing: TaskInstance, try_number: int) -> bool:
    return standing.state is TaskInstanceState.SCHEDULED and standing.try_number == try_number


def _is_live(standing: TaskInstance, holder: str) -> bool:
    return standing.holder == holder and standing.state in _LIVE
