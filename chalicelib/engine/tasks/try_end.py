"""The end of a try: written under its lease, with what follows from it."""

import logging

from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import FollowTask
from chalicelib.domain.observations import TaskEnded
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dataset_changes import changes_text
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from chalicelib.domain.states import FINAL_STATES, TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.engine.ports.store import Write
from chalicelib.engine.tasks.advance import RunInProgress

log = logging.getLogger(__name__)

PUT_OFF_SECONDS = 5
"""When what a worker could not do after its task is tried again, by a message of its own."""


TRY_ENDS = FINAL_STATES | {TaskInstanceState.UP_FOR_RETRY}
"""What a try ends as; a sensor that waits for its next poke goes on, as does a deferred task."""


def finish(progress: RunInProgress, item: TaskInstance, outcome: TryOutcome) -> None:
    """Write the end of a try that ``item`` shows running, and do what follows from it.

    Does nothing if the lease has passed on: its new holder has decided about the task.
    """
    task = progress.graph.task(item.task_id)
    now = progress.engine.now()
    kept = _kept_changes(progress, item, outcome)
    write_end(progress, item, changes.end_of_try(progress.facts.ref, task, item, outcome, now, kept))


def _kept_changes(progress: RunInProgress, item: TaskInstance, outcome: TryOutcome) -> Payload | None:
    """The text of the datasets that a try has changed, kept with its end or, a large one, before it."""
    if outcome.result is not TryResult.SUCCESS or not outcome.dataset_changes:
        return None
    key = f"dataset_changes/{item.run_uid}/{item.key}/{item.try_number}.json"
    return progress.engine.store.payloads.keep(key, changes_text(outcome.dataset_changes))


def write_end(progress: RunInProgress, item: TaskInstance, change: TaskInstanceChange) -> None:
    """Write a decided end of the try that ``item`` shows running, and do what follows from it."""
    write = change_running(progress, item, change)
    if not write.applied:
        log.warning("the lease of try %s of %s has passed on", item.try_number, item.key)
        return
    if write.item.state in TRY_ENDS:
        progress.engine.observe(TaskEnded.of(progress.facts.ref.dag_id, progress.facts.run_id, write.item))
    try:
        progress.after_try(write.item, redo=False)
    except StoreUnavailable:
        # The message of a task comes again only when the longest task would be over: this one sooner.
        log.warning("what follows from try %s of %s is put off", item.try_number, item.key, exc_info=True)
        follow = FollowTask(run=progress.facts.ref, task_id=item.task_id, map_index=item.map_index)
        progress.outbox.post(follow, PUT_OFF_SECONDS)


def change_running(
    progress: RunInProgress, item: TaskInstance, change: TaskInstanceChange
) -> Write[TaskInstance]:
    """Change a try that runs or is deferred, if its lease is still the one that ``item`` shows."""
    expected = Expected(
        states=frozenset({item.state}),
        try_number=item.try_number,
        lease_token=item.lease_token,
    )
    return progress.engine.store.task_instances.transition(item.run_uid, item.key, expected, change)
