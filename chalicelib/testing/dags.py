"""DAGs under test: found, loaded with what the test gives them, and run on a clock that jumps."""

import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.authoring.surroundings.connections import Connection
from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.errors import DagNotFound, UpdraftError
from chalicelib.domain.graph.callbacks import CallbackRequest
from chalicelib.domain.graph.graph import NOT_MAPPED
from chalicelib.domain.json_codec import plain
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.domain.variables import checked_variable
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of, graph_of_run
from chalicelib.engine.lookup import get_dag
from chalicelib.engine.ports.worker import TryReport
from chalicelib.engine.runs.execution_dates import execution_date
from chalicelib.settings import USER_PACKAGES, Settings
from chalicelib.simulation.one_run import Laboratory, WantedRun, Watch
from chalicelib.simulation.one_run import finished as at_its_end
from chalicelib.store.memory import MemoryStore
from chalicelib.testing.results import CallbackCall, RunResult, TaskResult
from chalicelib.user_code.runner import own_environment
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.here import use_user_packages

_HIDDEN = ("AIRFLOW_VAR_", "AIRFLOW_CONN_", "AIRFLOW__SECRETS__", "PYTEST_")
"""Beginnings of names in the environment that would make a test depend on the machine, or differ by test."""

_GIVEN = "UPDRAFT_GIVEN_TO_TEST"
"""Tells environments of user code apart: what was loaded with other variables is not what is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a DAG is to be found."""

    folder: Path
    names: tuple[str, ...] | None
    """The files of the folder that are loaded; None: all."""
    dag_id: str | None
    """None: the only one of the first file."""


def place_of(
    file_or_dag_id: str | Path,
    dag_id: str | None,
    also: Sequence[str],
    folder: str | Path | None,
    test_folder: Path,
) -> Place:
    """Find the file, or take it for a DAG id; fails the test if there is no such file."""
    dags_folder = Path(folder) if folder is not None else Settings.from_environ().dags_folder
    if not str(file_or_dag_id).endswith(".py"):
        names = tuple(also) or None
        return Place(folder=dags_folder.absolute(), names=names, dag_id=str(file_or_dag_id))
    places = [dags_folder, Path.cwd(), test_folder]
    found = next((place / file_or_dag_id for place in places if (place / file_or_dag_id).is_file()), None)
    if found is None:
        looked_at = ", ".join(str(place.absolute()) for place in places)
        pytest.fail(f"There is no file {file_or_dag_id} in {looked_at}", pytrace=False)
    path = found.resolve()
    within = next((place for place in places if path.is_relative_to(place.resolve())), path.parent)
    home = within.resolve() if within == dags_folder else path.parent
    return Place(folder=home, names=(path.relative_to(home).as_posix(), *also), dag_id=dag_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a test gives a DAG."""

    variables: Mapping[str, str]
    connections: Mapping[str, StoredConnection]
    env: Mapping[str, str | None]
    """Added to the environment; None takes one away."""

    @classmethod
    def of(
        cls, variables: Mapping[str, Any], connections: Mapping[str, Any], env: Mapping[str, str | None]
    ) -> "Given":
        """The same from what a test writes; raises ``ValueError`` for what is no connection."""
        texts = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in variables.items()
        }
        stored = {conn_id: _stored(conn_id, value) for conn_id, value in connections.items()}
        return cls(variables=texts, connections=stored, env=env)

    def store(self) -> MemoryStore:
        """A store that has them, and nothing else."""
        store = MemoryStore()
        for key, value in self.variables.items():
            store.variables.save(checked_variable(key, value))
        for connection in self.connections.values():
            store.connections.save(connection)
        return store

    def environment(self) -> Mapping[str, str]:
        """The environment of user code: this process's, without what belongs to the machine or the test."""
        environ = {name: value for name, value in own_environment().items() if not name.startswith(_HIDDEN)}
        for name, value in self.env.items():
            environ.pop(name, None)
            if value is not None:
                environ[name] = value
        given = json.dumps([self.variables, plain_connections(self.connections)], sort_keys=True)
        environ[_GIVEN] = hashlib.sha256(given.encode()).hexdigest()
        return environ


def plain_connections(connections: Mapping[str, StoredConnection]) -> dict[str, Any]:
    """All fields of connections, secrets among them."""
    return {conn_id: plain(connection) for conn_id, connection in connections.items()}


def _stored(conn_id: str, value: Any) -> StoredConnection:
    connection = (
        Connection(conn_id=conn_id, **value)
        if isinstance(value, Mapping)
        else Connection.from_text(conn_id, value)
    )
    return StoredConnection(
        conn_id=conn_id,
        conn_type=connection.conn_type,
        description=connection.description,
        host=connection.host,
        login=connection.login,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=connection.extra,
    )


def dag_under_test(
    place: Place,
    given: Given,
    *,
    now: str | datetime | None,
    real_time: bool,
    marked: str | None = None,
    tell: Callable[[RunResult], None],
) -> "DagUnderTest":
    """Load the DAG; fails the test, with the reason, where it cannot be loaded. ``tell`` takes each run."""
    watched = _Watched()
    packages = _user_packages(place.folder)

    def environment() -> Mapping[str, str]:
        return {**given.environment(), **packages}

    laboratory = Laboratory(
        place.folder,
        Watch(on_try=watched.take_try, on_callbacks=watched.take_callbacks),
        names=place.names,
        real_time=real_time,
        store=given.store(),
        environment=environment,
        now=_moment(now),
        marked=None if marked is None else re.compile(marked),
    )
    dag_id = place.dag_id or _only_dag(laboratory, place)
    try:
        get_dag(laboratory.engine, dag_id)
    except DagNotFound:
        _fail(laboratory, f"No file in {place.folder} defines a DAG {dag_id}")
    return DagUnderTest(dag_id, laboratory, watched, tell)


def _user_packages(folder: Path) -> dict[str, str]:
    """What names them in the environment of user code; fails the test where they cannot be installed."""
    environ = {name: value for name, value in os.environ.items() if name == USER_PACKAGES}
    try:
        use_user_packages(folder, tell=_say, environ=environ)
    except UserPackagesError as error:
        pytest.fail(str(error), pytrace=False)
    return environ


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _only_dag(laboratory: Laboratory, place: Place) -> str:
    wanted = place.names[0] if place.names else ""
    found = sorted(dag.dag_id for dag in laboratory.engine.store.dags.list() if dag.fileloc == wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        _fail(laboratory, f"{wanted} defines no DAG")
    pytest.fail(
        f"{wanted} defines {', '.join(found)}: say which, updraft_dag({wanted!r}, DAG_ID)", pytrace=False
    )


def _fail(laboratory: Laboratory, text: str) -> None:
    failures = [f"{failure.filename} cannot be loaded: {failure.message}" for failure in laboratory.failures]
    pytest.fail("\n".join([*failures, text]), pytrace=False)


class _Watched:
    """What the tries and callbacks of all runs logged."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, str, int], list[str]] = {}
        self.callbacks: dict[str, list[CallbackCall]] = {}

    def take_try(self, request: TryRequest, report: TryReport) -> None:
        key = (request.run_uid, request.task_id, request.map_index)
        self.logs.setdefault(key, []).append(_text(report.log))

    def take_callbacks(self, request: CallbackRequest, printed: bytes) -> None:
        last = request.instances[-1].request if request.instances else None
        task_id = last.task_id if last is not None and not request.of_dag else None
        call = CallbackCall(kind=str(request.kind), task_id=task_id, log=_text(printed))
        self.callbacks.setdefault(last.run_uid if last is not None else "", []).append(call)


class DagUnderTest:
    """A DAG of a test, with a store of its own."""

    def __init__(
        self, dag_id: str, laboratory: Laboratory, watched: _Watched, tell: Callable[[RunResult], None]
    ) -> None:
        self.dag_id = dag_id
        self._tell = tell
        self._laboratory = laboratory
        self._watched = watched

    @property
    def task_ids(self) -> list[str]:
        """Ids of its tasks, in topological order."""
        return list(graph_of(self._engine, self.dag_id, get_dag(self._engine, self.dag_id).version).tasks)

    def run(
        self,
        date: str | datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
    ) -> RunResult:
        """Run it to its end, and what it starts of others; ``date`` None: as if triggered without one.

        Fails the test for a run that would be refused: a ``conf`` that the params do not take, a date twice.
        """
        with _refusals(), _logs_apart():
            finished = self._laboratory.run(self._wanted(date, conf, run_id), with_others=True)
        result = self._result(finished.run, finished.stuck)
        self._tell(result)
        return result

    def run_task(
        self,
        task_id: str,
        date: str | datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        *,
        map_index: int = NOT_MAPPED,
    ) -> TaskResult:
        """Run one try of one of its tasks, as if nothing came before it."""
        with _refusals(), _logs_apart():
            item = self._laboratory.run_task(self._wanted(date, conf, None), task_id, map_index)
        return self._task(item)

    def runs(self, dag_id: str | None = None) -> list[RunResult]:
        """The runs there are of this DAG, or of another of the files, by logical date."""
        found = self._engine.store.dag_runs.list(dag_id or self.dag_id)
        return [self._result(run, ()) for run in found]

    def variable(self, key: str) -> str | None:
        """The text of a variable as it is now."""
        found = self._engine.store.variables.get(key)
        return None if found is None else found.value

    @property
    def _engine(self) -> Engine:
        return self._laboratory.engine

    def _wanted(
        self, date: str | datetime | None, conf: Mapping[str, Any] | None, run_id: str | None
    ) -> WantedRun:
        moment = _moment(date)
        return WantedRun(
            dag_id=self.dag_id,
            execution_date=moment or datetime.now(UTC),
            is_undated=moment is None,
            run_id=run_id,
            conf=dict(conf or {}),
        )

    def _result(self, run: DagRun, stuck: tuple[str, ...]) -> RunResult:
        graph = graph_of_run(self._engine, run)
        finished = at_its_end(self._engine, run, graph)
        return RunResult(
            dag_id=run.dag_id,
            run_id=run.run_id,
            execution_date=run.execution_date,
            state=str(run.state),
            instances=tuple(self._task(item) for item in finished.instances),
            mapped=frozenset(name for name, task in graph.tasks.items() if task.is_mapped),
            callbacks=tuple(self._watched.callbacks.get(run.run_uid, ())),
            duration=run.end_date - run.start_date if run.end_date and run.start_date else None,
            stuck=stuck,
        )

    def _task(self, item: TaskInstance) -> TaskResult:
        key = (item.run_uid, item.task_id, item.map_index)
        return TaskResult(
            task_id=item.task_id,
            map_index=item.map_index,
            state=None if item.state is None else str(item.state),
            tries=item.try_number or 0,
            start_date=item.start_date,
            end_date=item.end_date,
            logs=tuple(self._watched.logs.get(key, ())),
            pull=self._pull(item),
        )

    def _pull(self, item: TaskInstance) -> Callable[[str], Any]:
        def pull(key: str) -> Any:
            text = self._engine.store.xcoms.pull(item.run_uid, item.task_id, item.map_index, key)
            return None if text is None else from_json(text)

        return pull


def _moment(date: str | datetime | None) -> datetime | None:
    if date is None or isinstance(date, str):
        return None if date is None else execution_date(date)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


@contextmanager
def _refusals() -> Iterator[None]:
    """Fail the test for what would be refused, in the words of the refusal."""
    try:
        yield
    except UpdraftError as error:
        pytest.fail(str(error), pytrace=False)


@contextmanager
def _logs_apart() -> Iterator[None]:
    """Keep what tasks log out of the log of the test: results have it."""
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _text(log: bytes) -> str:
    return log.decode(errors="replace")
