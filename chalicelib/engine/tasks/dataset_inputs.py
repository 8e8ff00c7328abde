"""The dataset events that a try may ask for: those that its run has, and those of its inlets."""

from chalicelib.domain.runs.dag_runs import DagRunType, RunFacts
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.engine.engine import Engine


def triggering_events(engine: Engine, run: RunFacts) -> tuple[DatasetEvent, ...]:
    """The events that a run by datasets has, by their time; 2 requests, none for other runs."""
    if run.run_type is not DagRunType.DATASET_TRIGGERED:
        return ()
    arrivals = engine.store.dataset_queues.arrivals(run.ref.run_uid)
    keys = [key for arrival in arrivals for key in arrival.events]
    found = {event.key: event for event in engine.store.dataset_events.get_many(keys)}
    return tuple(found[key] for key in keys if key in found)


def events_of_dataset(engine: Engine, uri: str) -> tuple[DatasetEvent, ...]:
    """All events of a dataset, by their time; 1 request per MB of them."""
    return tuple(engine.store.dataset_events.list(uri))
