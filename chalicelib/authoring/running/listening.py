"""News of tries and runs for the listeners of plugins."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.dates import pendulum_datetime, utcnow
from chalicelib.authoring.model.assets import Asset
from chalicelib.authoring.model.datasets import Dataset
from chalicelib.authoring.plugins import listeners
from chalicelib.authoring.plugins.listeners import Event
from chalicelib.authoring.running.context import DagRun
from chalicelib.authoring.surroundings.metadata_database import Session
from chalicelib.domain.graph.callbacks import CallbackKind
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.domain.states import TaskInstanceState

if TYPE_CHECKING:
    from chalicelib.authoring.running.task_instance import TaskInstance


def tell_of_begin(ti: "TaskInstance") -> None:
    """The task is about to be executed."""
    if listeners.are_registered():
        _tell(Event.RUNNING, ti)


def tell_of_end(ti: "TaskInstance", result: TryResult, error: BaseException | None) -> None:
    """The try has succeeded or failed; skips and sensors that sleep are no events."""
    if not listeners.are_registered():
        return
    if result is TryResult.SUCCESS:
        _end(ti, TaskInstanceState.SUCCESS)
        _tell(Event.SUCCESS, ti)
    elif result in (TryResult.FAILED, TryResult.FAILED_FOR_GOOD):
        is_last = result is TryResult.FAILED_FOR_GOOD or not ti.is_eligible_to_retry()
        _end(ti, TaskInstanceState.FAILED if is_last else TaskInstanceState.UP_FOR_RETRY)
        _tell(Event.FAILED, ti, error=error)


def tell_of_changes(changes: Iterable[DatasetChange]) -> None:
    """The task has changed datasets, or assets by Airflow 3's name: each listener hears of those it names."""
    if not listeners.are_registered():
        return
    for change in changes:
        listeners.tell(Event.DATASET_CHANGED, dataset=Dataset(change.uri))
        listeners.tell(Event.ASSET_CHANGED, asset=Asset(name=change.name or change.uri, uri=change.uri))


_OF_RUNS = {
    CallbackKind.RUN_STARTED: Event.RUN_RUNNING,
    CallbackKind.SUCCESS: Event.RUN_SUCCESS,
    CallbackKind.FAILURE: Event.RUN_FAILED,
}


def kinds_of_runs() -> frozenset[CallbackKind]:
    """What the listeners that are loaded now want to be told of each DAG's runs."""
    return frozenset(kind for kind, event in _OF_RUNS.items() if listeners.is_heard(event))


def tell_of_run(kind: CallbackKind, dag_run: DagRun, reason: str) -> None:
    """A run has started, or ended for that reason."""
    listeners.tell(_OF_RUNS[kind], dag_run=dag_run, msg=reason)


def _tell(event: Event, ti: "TaskInstance", **arguments: Any) -> None:
    previous = TaskInstanceState.QUEUED if event is Event.RUNNING else TaskInstanceState.RUNNING
    listeners.tell(event, previous_state=previous, task_instance=ti, session=Session(), **arguments)


def _end(ti: "TaskInstance", state: TaskInstanceState) -> None:
    ti.state = state
    ti.end_date = pendulum_datetime(utcnow())
    if ti.start_date is not None:
        ti.duration = (ti.end_date - ti.start_date).total_seconds()
