"""Owed dataset events: the message of what a try has changed, sent where its end was written.

At least once, as callbacks are (``owed_callbacks``): after the end, which keeps the changes, and before the
first note that proves it. A task that changes no dataset costs nothing.
"""

from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.messages import RegisterDatasetEvents
from chalicelib.domain.runs.dag_runs import RunFacts
from chalicelib.domain.runs.dataset_events import EventSource, origin_of_try
from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.owed_callbacks import has_told


def after_try(engine: Engine, graph: Graph, facts: RunFacts, item: TaskInstance, *, redo: bool) -> None:
    """Tell of the datasets that the try has changed which ended as ``item`` shows.

    Only a success of its own changes any, as in Airflow: none by hand. ``redo``: it may have been told
    before; 1 request to see that.
    """
    if item.state is not TaskInstanceState.SUCCESS or item.lease_token is None:
        return
    if item.dataset_changes is None or item.end_date is None:
        return
    if redo and has_told(engine, graph, item):
        return
    message = RegisterDatasetEvents(
        origin=origin_of_try(item.run_uid, item.key, item.try_number),
        timestamp=item.end_date,
        changes=item.dataset_changes,
        source=EventSource.of(facts, item.task_id, item.map_index),
    )
    engine.send(message)
