"""Queues of datasets, and what has arrived in them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from threading import RLock

from chalicelib.domain.datasets.queues import Arrival, ArrivalStep, DatasetQueue
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.engine.ports.store import Arrived
from chalicelib.store.memory.dag_runs import MemoryDagRuns
from chalicelib.store.memory.dags import MemoryDags


class MemoryDatasetQueues:
    """Implements ``engine.ports.store.DatasetQueues``."""

    def __init__(self, lock: RLock, dags: MemoryDags, dag_runs: MemoryDagRuns) -> None:
        self._lock = lock
        self._dags = dags
        self._dag_runs = dag_runs
        self._queues: dict[str, DatasetQueue] = {}
        self._arrivals: defaultdict[str, list[Arrival]] = defaultdict(list)
        self._uids: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """Per DAG, by origin, the run that its arrival belongs to."""
        self._dates: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        """Per DAG, by the uid of a run that was made, its execution date."""

    def get_with_dag(self, dag_id: str) -> tuple[Dag | None, DatasetQueue | None]:
        with self._lock:
            return self._dags.get(dag_id), self._queues.get(dag_id)

    def arrive(self, step: ArrivalStep, run: DagRun | None, due_at: datetime) -> Arrived:
        arrival = step.arrival
        with self._lock:
            if arrival.origin in self._uids[arrival.dag_id]:
                return Arrived.REPEATED
            if self._version(arrival.dag_id) != step.before.version:
                return Arrived.OVERTAKEN
            if run is not None:
                if not self._dag_runs.create(run, due_at):
                    return Arrived.DATE_TAKEN
                self._dates[run.dag_id][run.run_uid] = run.execution_date
            self._queues[arrival.dag_id] = step.after
            self._uids[arrival.dag_id][arrival.origin] = arrival.run_uid
            self._arrivals[arrival.run_uid].append(arrival)
            return Arrived.APPLIED

    def _version(self, dag_id: str) -> int:
        queue = self._queues.get(dag_id)
        return queue.version if queue else 0

    def arrivals(self, run_uid: str) -> Iterator[Arrival]:
        with self._lock:
            return iter(sorted(self._arrivals.get(run_uid, ()), key=_by_time))

    def run_of(self, dag_id: str, origin: str) -> datetime | None:
        with self._lock:
            run_uid = self._uids[dag_id].get(origin)
            return self._dates[dag_id].get(run_uid) if run_uid else None

    def delete_run(self, run_uid: str) -> None:
        with self._lock:
            self._arrivals.pop(run_uid, None)

    def delete_dag(self, dag_id: str, generation: int) -> None:
        with self._lock:
            queue = self._queues.get(dag_id)
            if queue is None or queue.generation >= generation:
                return
            del self._queues[dag_id]
            self._arrivals.pop(queue.run_uid, None)
            self._uids.pop(dag_id, None)
            self._dates.pop(dag_id, None)


def _by_time(arrival: Arrival) -> tuple[datetime, str]:
    return arrival.timestamp, arrival.origin
