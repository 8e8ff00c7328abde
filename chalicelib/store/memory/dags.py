"""DAGs, their versions and import errors."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Any

from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.dags import AlteredRun, Dag, DagImportError, DagVersion, LatestRun
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.engine.ports.store import Write
from chalicelib.store.repeats import plan_of


class MemoryDags:
    """Implements ``engine.ports.store.Dags``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._dags: dict[str, Dag] = {}
        self._versions: dict[tuple[str, str], DagVersion] = {}
        self._import_errors: dict[str, DagImportError] = {}

    def get(self, dag_id: str) -> Dag | None:
        return self._dags.get(dag_id)

    def list(self) -> Iterator[Dag]:
        with self._lock:
            return iter([dag for dag in self._dags.values() if not dag.is_deleted])

    def save(self, dag: Dag) -> Dag:
        with self._lock:
            known = self._dags.get(dag.dag_id)
            if known is None:
                saved = replace(
                    dag,
                    is_deleted=False,
                    latest_run=None,
                    next_run=None,
                    last_interval=None,
                    ask_at=None,
                    planning_error=None,
                    altered_runs=frozenset(),
                )
            else:
                saved = replace(
                    known,
                    version=dag.version,
                    fileloc=dag.fileloc,
                    is_active=dag.is_active,
                    schedule=dag.schedule,
                    default_start_date=dag.default_start_date,
                    has_params=dag.has_params,
                    dataset_condition=dag.dataset_condition,
                    names_datasets=dag.names_datasets or known.names_datasets,
                )
            self._dags[dag.dag_id] = saved
            return saved

    def set_active(self, dag_id: str, active: bool) -> None:
        with self._lock:
            if dag := self._dags.get(dag_id):
                plan: dict[str, Any] = {} if active else {"next_run": None, "ask_at": None}
                self._dags[dag_id] = replace(dag, is_active=active, **plan)

    def set_paused(
        self, dag_id: str, paused: bool, changed_by: str, at: datetime | None = None
    ) -> Dag | None:
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or dag.is_deleted:
                return None
            self._dags[dag_id] = replace(
                dag,
                is_paused=paused,
                pause_changed_by=changed_by,
                paused_at=at if paused and at else dag.paused_at,
                unpaused_at=at if at and not paused else dag.unpaused_at,
            )
            return self._dags[dag_id]

    def pause_after(self, run: RunRef, end: str, changed_by: str, at: datetime) -> None:
        with self._lock:
            dag = self._dags.get(run.dag_id)
            if dag is None or dag.is_deleted or dag.generation != run.generation or dag.paused_after == end:
                return
            self._dags[run.dag_id] = replace(
                dag, is_paused=True, pause_changed_by=changed_by, paused_after=end, paused_at=at
            )

    def set_next_run(
        self,
        dag: Dag,
        next_run: DataInterval | None,
        last_interval: DataInterval | None,
        *,
        ask_at: datetime | None = None,
        error: str | None = None,
    ) -> Write[Dag | None]:
        with self._lock:
            known = self._dags.get(dag.dag_id)
            if known is None or known.is_deleted or _planning_basis(known) != _planning_basis(dag):
                is_done = known is not None and plan_of(known) == (next_run, last_interval, ask_at)
                return Write(applied=is_done, item=known)
            planned = replace(
                known, next_run=next_run, last_interval=last_interval, ask_at=ask_at, planning_error=error
            )
            self._dags[dag.dag_id] = planned
            return Write(applied=True, item=planned)

    def due(self, now: datetime) -> Iterator[str]:
        with self._lock:
            listed = [dag for dag in self._dags.values() if not (dag.is_paused or dag.is_deleted)]
            return iter([dag.dag_id for dag in listed if (due_at := _due_at(dag)) and due_at <= now])

    def set_latest_run(self, run: DagRun) -> None:
        with self._lock:
            dag = self._dags.get(run.dag_id)
            if dag is None or dag.generation != run.generation:
                return
            known = dag.latest_run
            is_started = known and known.run_uid == run.run_uid and run.start_date
            if known and known.execution_date >= run.execution_date and not is_started:
                return
            latest = LatestRun(
                execution_date=run.execution_date, run_uid=run.run_uid, start_date=run.start_date
            )
            self._dags[run.dag_id] = replace(dag, latest_run=latest)

    def mark_deleted(self, dag_id: str) -> Dag | None:
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or dag.is_deleted:
                return None
            deleted = replace(dag, generation=dag.generation + 1, is_deleted=True)
            self._dags[dag_id] = deleted
            return deleted

    def revive(
        self,
        dag_id: str,
        generation: int,
        *,
        is_paused: bool,
        next_run: DataInterval | None = None,
        at: datetime | None = None,
    ) -> None:
        with self._lock:
            dag = self._dags.get(dag_id)
            if dag is None or not dag.is_deleted or not dag.is_active or dag.generation != generation:
                return
            self._dags[dag_id] = replace(
                dag,
                is_deleted=False,
                is_paused=is_paused,
                paused_at=None,
                unpaused_at=None if is_paused else at,
                latest_run=None,
                pause_changed_by=None,
                paused_after=None,
                next_run=next_run,
                last_interval=None,
                ask_at=None,
                planning_error=None,
                altered_runs=frozenset(),
            )

    def note_altered(self, run: RunRef, clear_number: int) -> None:
        with self._lock:
            dag = self._dags.get(run.dag_id)
            if dag is not None and dag.generation == run.generation:
                noted = AlteredRun(run_uid=run.run_uid, clear_number=clear_number)
                self._dags[run.dag_id] = replace(dag, altered_runs=dag.altered_runs | {noted})

    def forget_altered(self, run: RunRef, clear_number: int) -> None:
        with self._lock:
            if dag := self._dags.get(run.dag_id):
                noted = AlteredRun(run_uid=run.run_uid, clear_number=clear_number)
                self._dags[run.dag_id] = replace(dag, altered_runs=dag.altered_runs - {noted})

    def version(self, dag_id: str, version: str) -> DagVersion | None:
        return self._versions.get((dag_id, version))

    def save_version(self, version: DagVersion) -> None:
        with self._lock:
            self._versions.setdefault((version.dag_id, version.version), version)

    def import_errors(self) -> Iterator[DagImportError]:
        with self._lock:
            return iter([*self._import_errors.values()])

    def save_import_error(self, error: DagImportError) -> None:
        with self._lock:
            self._import_errors[error.filename] = error

    def clear_import_error(self, filename: str) -> None:
        with self._lock:
            self._import_errors.pop(filename, None)


def _planning_basis(dag: Dag) -> tuple[object, ...]:
    return dag.generation, dag.version, dag.is_paused, dag.next_run, dag.ask_at


def _due_at(dag: Dag) -> datetime | None:
    return dag.next_run.run_after if dag.next_run else dag.ask_at
