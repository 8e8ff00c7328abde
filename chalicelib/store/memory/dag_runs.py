"""DAG runs, found by date and by run id, and which are unfinished."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from threading import RLock

from chalicelib.domain.idempotency import KeptAnswer
from chalicelib.domain.runs.dag_runs import DagRun, DagRunChange, RunRef, UnfinishedRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.states import DagRunState
from chalicelib.engine.ports.store import Write
from chalicelib.store.memory.dags import MemoryDags
from chalicelib.store.memory.kept_answers import MemoryKeptAnswers
from chalicelib.store.repeats import shows


class MemoryDagRuns:
    """Implements ``engine.ports.store.DagRuns``."""

    def __init__(self, lock: RLock, dags: MemoryDags, kept_answers: MemoryKeptAnswers) -> None:
        self._lock = lock
        self._dags = dags
        self._kept_answers = kept_answers
        self._runs: defaultdict[str, dict[datetime, DagRun]] = defaultdict(dict)
        self._by_run_id: dict[tuple[str, str], DagRun] = {}
        self._unfinished: defaultdict[str, dict[datetime, UnfinishedRun]] = defaultdict(dict)

    def create(self, run: DagRun, due_at: datetime, kept: KeptAnswer | None = None) -> bool:
        with self._lock:
            rivals = (self.get(run.dag_id, run.execution_date), self._by_run_id.get((run.dag_id, run.run_id)))
            taken = [rival for rival in rivals if rival and rival.generation >= run.generation]
            if taken:
                return any(rival.run_uid == run.run_uid for rival in taken)
            if kept and not self._kept_answers.keep(kept):
                return False
            self._runs[run.dag_id][run.execution_date] = run
            self._by_run_id[run.dag_id, run.run_id] = run
            self._unfinished[run.dag_id][run.execution_date] = UnfinishedRun(run=run.ref, due_at=due_at)
            return True

    def get(self, dag_id: str, execution_date: datetime) -> DagRun | None:
        return self._runs.get(dag_id, {}).get(execution_date)

    def get_with_dag(self, dag_id: str, execution_date: datetime) -> tuple[Dag | None, DagRun | None]:
        with self._lock:
            return self._dags.get(dag_id), self.get(dag_id, execution_date)

    def get_many(self, dag_id: str, execution_dates: Iterable[datetime]) -> Iterator[DagRun]:
        with self._lock:
            found = [self.get(dag_id, date) for date in execution_dates]
            return iter([run for run in found if run is not None])

    def get_by_run_id(self, dag_id: str, run_id: str) -> DagRun | None:
        with self._lock:
            created = self._by_run_id.get((dag_id, run_id))
            run = created and self.get(dag_id, created.execution_date)
            return run if run and created and run.run_uid == created.run_uid else None

    def list(
        self,
        dag_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = False,
        expected: int | None = None,  # noqa: ARG002 - here a run costs nothing before it is read
    ) -> Iterator[DagRun]:
        with self._lock:
            dates = [
                date
                for date in self._runs[dag_id]
                if (since is None or since <= date) and (until is None or date <= until)
            ]
            return iter([self._runs[dag_id][date] for date in sorted(dates, reverse=descending)])

    def transition(
        self,
        run: RunRef,
        from_states: frozenset[DagRunState],
        change: DagRunChange,
        *,
        fence: int | None = None,
    ) -> Write[DagRun | None]:
        with self._lock:
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return Write(applied=False, item=None)
            if item.state not in from_states or fence not in (None, item.fence):
                return Write(applied=shows(item, change), item=item)
            changed = replace(item, **change)
            self._runs[run.dag_id][run.execution_date] = changed
            return Write(applied=True, item=changed)

    def requeue(self, run: DagRun, change: DagRunChange, due_at: datetime) -> bool:
        with self._lock:
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return False
            if (item.state, item.fence) != (run.state, run.fence):
                return shows(item, change)
            changed = replace(item, **change)
            entry = UnfinishedRun(run=run.ref, due_at=due_at, clear_number=changed.clear_number)
            self._runs[run.dag_id][run.execution_date] = changed
            self._unfinished[run.dag_id][run.execution_date] = entry
            return True

    def unfinished(self, dag_id: str, *, expected: int | None = None) -> Iterator[UnfinishedRun]:  # noqa: ARG002 - nothing is read ahead
        with self._lock:
            return iter([entry for _, entry in sorted(self._unfinished[dag_id].items(), key=_date)])

    def first(self, dag_id: str, limit: int) -> Sequence[DagRun]:
        return [*islice(self.list(dag_id), limit)]

    def delete(self, run: DagRun) -> bool:
        with self._lock:
            if self._unfinished_entry(run.ref):
                del self._unfinished[run.dag_id][run.execution_date]
            created = self._by_run_id.get((run.dag_id, run.run_id))
            if created and created.run_uid == run.run_uid:
                del self._by_run_id[run.dag_id, run.run_id]
            item = self.get(run.dag_id, run.execution_date)
            if item is None or item.run_uid != run.run_uid:
                return True
            if item.state is not run.state:
                return False
            del self._runs[run.dag_id][run.execution_date]
            return True

    def due(self, now: datetime) -> Iterator[tuple[str, datetime]]:
        with self._lock:
            return iter(
                [
                    (dag_id, date)
                    for dag_id, entries in self._unfinished.items()
                    for date, entry in entries.items()
                    if entry.due_at <= now
                ]
            )

    def move_due(self, run: RunRef, due_at: datetime) -> bool:
        with self._lock:
            entry = self._unfinished_entry(run)
            if entry is None:
                return False
            self._unfinished[run.dag_id][run.execution_date] = replace(entry, due_at=due_at)
            return True

    def remove_unfinished(self, run: RunRef, clear_number: int = 0) -> None:
        with self._lock:
            entry = self._unfinished_entry(run)
            if entry and entry.clear_number <= clear_number:
                del self._unfinished[run.dag_id][run.execution_date]

    def _unfinished_entry(self, run: RunRef) -> UnfinishedRun | None:
        entry = self._unfinished[run.dag_id].get(run.execution_date)
        return entry if entry and entry.run.run_uid == run.run_uid else None


def _date(entry: tuple[datetime, UnfinishedRun]) -> datetime:
    return entry[0]
