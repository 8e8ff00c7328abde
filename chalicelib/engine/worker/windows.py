"""Windows of triggers: due ones side by side, each taken under a lease and ended by one conditional write.

A window that is taken has the lease of its invocation, as a try has (invariant I2): a duplicate of its
message is refused, and the end of a window whose lease has passed on changes nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chalicelib.domain import moments
from chalicelib.domain.messages import RunTrigger
from chalicelib.domain.observations import TaskEnded
from chalicelib.domain.plans.steps import Ignore, Redo, Send, Start, WindowLost, window_step
from chalicelib.domain.runs.deferrals import (
    Deferral,
    TriggerRequest,
    WindowOutcome,
    WindowRequest,
    WindowResult,
)
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks import changes
from chalicelib.domain.tasks.keys import deferred_token, task_key
from chalicelib.domain.tasks.task_instances import Expected, TaskInstance, TaskInstanceChange
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.store import Write
from chalicelib.engine.ports.worker import Invocation, RunWindow
from chalicelib.engine.tasks import deferring
from chalicelib.engine.tasks.advance import RunInProgress
from chalicelib.engine.tasks.try_end import change_running
from chalicelib.engine.worker.execute import CLOCK_MARGIN, redo_what_follows
from chalicelib.engine.worker.other_runs import RunsForTrigger

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """A window that this invocation has taken."""

    message: RunTrigger
    progress: RunInProgress
    item: TaskInstance
    deferral: Deferral
    fileloc: str

    @property
    def request(self) -> TriggerRequest:
        return TriggerRequest(
            dag_id=self.message.run.ref.dag_id,
            run_id=self.message.run.run_id,
            task_id=self.item.task_id,
            map_index=self.item.map_index,
            try_number=self.item.try_number,
            trigger_id=self.deferral.trigger_id,
            classpath=self.deferral.classpath,
            kwargs=self.deferral.kwargs,
            created_at=self.deferral.created_at,
            rounds=self.deferral.rounds,
        )


def run_windows(
    engine: Engine,
    messages: Iterable[RunTrigger],
    new_invocation: Callable[[], Invocation],
    run_window: RunWindow,
) -> list[RunTrigger]:
    """Run the triggers of these messages; those of one DAG file share a process.

    The messages that could not be handled, as when the store was not available: they have to come again.
    """
    failed: list[RunTrigger] = []
    taken: defaultdict[str, list[_Taken]] = defaultdict(list)
    for message in messages:
        try:
            window = _take(engine, message, new_invocation())
        except Exception:  # whatever it is, it is not to keep the others from their windows
            log.warning("a window of %s was not begun", message.task_id, exc_info=True)
            failed.append(message)
        else:
            if window is not None:
                taken[window.fileloc].append(window)
    for fileloc, windows in taken.items():
        request = WindowRequest(
            fileloc=fileloc,
            triggers=tuple(window.request for window in windows),
            time_left=new_invocation().ends_at - engine.now(),
            other_runs=RunsForTrigger(engine=engine),
        )
        for window, outcome in zip(windows, run_window(request), strict=True):
            try:
                _end(window, outcome)
            except Exception:  # as above
                log.warning("a window of %s was not ended", window.item.key, exc_info=True)
                failed.append(window.message)
    return failed


def _take(engine: Engine, message: RunTrigger, invocation: Invocation) -> _Taken | None:
    """The window of a message, if there is user code to run in it; what else is to be done is done."""
    progress = RunInProgress.of(engine, message.run)
    window = _taken(progress, message, invocation)
    progress.flush()
    return window


def _taken(progress: RunInProgress, message: RunTrigger, invocation: Invocation) -> _Taken | None:
    engine = progress.engine
    seconds = moments.seconds_until(message.due_at, engine.now())
    if seconds:
        progress.outbox.post(message, seconds)
        return None
    claim = _claim(engine, message, invocation)
    item, deferral = claim.item, claim.item.deferral
    if not claim.applied or deferral is None:
        _on_refused(progress, message, item)
        return None
    if deferral.timeout_at is not None and deferral.timeout_at <= engine.now():
        _go_on(progress, item, changes.timed_out(item, engine.now()))
        return None
    dag = engine.store.dags.get(message.run.ref.dag_id)
    if dag is None or dag.is_deleted or dag.generation != message.run.ref.generation:
        return None  # what is left of the run is erased with it
    return _Taken(message=message, progress=progress, item=item, deferral=deferral, fileloc=dag.fileloc)


def _claim(engine: Engine, message: RunTrigger, invocation: Invocation) -> Write[TaskInstance]:
    expected = Expected(
        states=frozenset({TaskInstanceState.DEFERRED}),
        try_number=message.try_number,
        lease_token=deferred_token(message.window),
    )
    change = TaskInstanceChange(
        lease_token=invocation.token,
        lease_until=invocation.ends_at + CLOCK_MARGIN,
        updated_at=engine.now(),
    )
    key = task_key(message.task_id, message.map_index)
    return engine.store.task_instances.transition(message.run.ref.run_uid, key, expected, change)


def _on_refused(progress: RunInProgress, message: RunTrigger, item: TaskInstance) -> None:
    match window_step(item, message.try_number, message.window, progress.engine.now()):
        case Start() as step:
            progress.tries.start(progress.graph.task(item.task_id), item, step.try_number)
        case Send() if item.state is TaskInstanceState.QUEUED:
            progress.tries.send(item)
        case Send():
            deferring.send_for_window(progress.tries, item)
        case WindowLost():
            deferring.look_after(progress.tries, item)
        case Redo():
            redo_what_follows(progress, item)
        case Ignore():
            return


def _end(window: _Taken, outcome: WindowOutcome) -> None:
    progress, item, now = window.progress, window.item, window.progress.engine.now()
    match outcome.result:
        case WindowResult.WAITS:
            change = changes.next_window(item, outcome.due_at or now, now, outcome.rounds)
            write = change_running(progress, item, change)
            if write.applied:
                deferring.send_for_window(progress.tries, write.item)
        case WindowResult.FIRED | WindowResult.BROKEN:
            _go_on(progress, item, changes.fired(item, outcome, now))
        case _:
            _end_task(progress, item, outcome)
    progress.flush()


def _go_on(progress: RunInProgress, item: TaskInstance, change: TaskInstanceChange) -> None:
    """Have a worker go on with the try, slots first."""
    write = change_running(progress, item, change)
    if write.applied:
        progress.tries.start(progress.graph.task(item.task_id), write.item, item.try_number)


def _end_task(progress: RunInProgress, item: TaskInstance, outcome: WindowOutcome) -> None:
    """End a task as its trigger says; its XComs are there before its end is."""
    xcoms, now = progress.engine.store.xcoms, progress.engine.now()
    for xcom in outcome.xcoms:
        xcoms.push(item.run_uid, item.task_id, item.map_index, xcom.key, xcom.value)
    write = change_running(progress, item, changes.ended_by_trigger(item, outcome.result, now))
    if write.applied:
        progress.engine.observe(TaskEnded.of(progress.facts.ref.dag_id, progress.facts.run_id, write.item))
        progress.after_try(write.item, redo=False)
