"""The inputs of a try: its request, and its XComs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from chalicelib.domain.graph.expansion import OutputOf
from chalicelib.domain.graph.graph import NOT_MAPPED, Graph
from chalicelib.domain.messages import RunTask
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import previous_success
from chalicelib.engine.ports.store import XComs


def try_request(engine: Engine, message: RunTask, item: TaskInstance, fileloc: str) -> TryRequest:
    """What the user's code is given in the try of a message, whose task instance is ``item``."""
    run = message.run
    return TryRequest(
        dag_id=run.ref.dag_id,
        fileloc=fileloc,
        run_id=run.run_id,
        run_uid=run.ref.run_uid,
        run_type=run.run_type,
        task_id=message.task_id,
        map_index=message.map_index,
        try_number=message.try_number,
        max_tries=message.max_tries,
        execution_date=run.ref.execution_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        run_start_date=run.start_date,
        start_date=item.start_date or run.start_date,
        external_trigger=run.external_trigger,
        is_undated=bool(run.is_undated),
        conf=json.loads(engine.store.payloads.read(run.conf)),
        map_levels=item.levels,
        has_gaps=_has_gaps(engine, graph_of_run(engine, run), item),
        find_previous_success=partial(previous_success, engine, run.ref),
        pokes=item.pokes,
        first_poke_at=item.first_poke_at,
        goes_on=message.begun_at is not None,
    )


def _has_gaps(engine: Engine, graph: Graph, item: TaskInstance) -> bool:
    """Whether instances of a mapped task that a task is mapped over may have left no value.

    1 request, and only where the output of one mapped task is all that it is mapped over.
    """
    expansion = graph.task(item.task_id).expansion
    own = expansion.own if expansion else None
    if not isinstance(own, OutputOf) or not graph.task(own.task_id).is_mapped:
        return True
    source = graph.task(own.task_id)
    length = source.literal_length or engine.instance(item.run_uid, own.task_id).map_length
    return length != item.map_length


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskXComs:
    """The XComs of a run as a running try sees them (``engine.ports.worker.RunningXComs``)."""

    xcoms: XComs
    run_uid: str
    item: TaskInstance

    def push(self, key: str, value: str) -> None:
        """Keep a JSON text as this task's value of that key."""
        self.xcoms.push(self.run_uid, self.item.task_id, self.item.map_index, key, value)

    def pull(self, task_id: str, key: str, map_index: int = NOT_MAPPED) -> str | None:
        """Another task's value of that key as JSON text, or None."""
        return self.xcoms.pull(self.run_uid, task_id, map_index, key)

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Map index and JSON text of each instance of a mapped task that pushed that key, by index."""
        return self.xcoms.pull_all(self.run_uid, task_id, key)
