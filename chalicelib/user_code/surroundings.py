"""The surroundings of a try: its questions to the worker, and the worker's answers.

Requests are JSON objects with an ``op``; only those in ``_OPERATIONS`` are answered. A value, which may be
long, is the text of its frame.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.authoring import clock
from chalicelib.authoring.exceptions import (
    AirflowException,
    DagNotFound,
    DagRunAlreadyExists,
    ParamValidationError,
)
from chalicelib.authoring.surroundings import configuration
from chalicelib.domain.connections import NO_CONNECTIONS, ConnectionsOfDagFiles, StoredConnection
from chalicelib.domain.errors import StoreUnavailable, UpdraftError
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, generated_run_id
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.domain.runs.dataset_lookup import DatasetLookup, NamedDataset, NoDatasets
from chalicelib.domain.runs.deferrals import WindowOutcome, WindowResult
from chalicelib.domain.runs.other_runs import (
    NoOtherRuns,
    OtherDag,
    OtherRun,
    OtherRuns,
    WantedRun,
    WatchedRun,
    WatchedTasks,
)
from chalicelib.domain.runs.outcomes import InstanceFacts
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import StoredVariable, VariablesOfDagFiles, checked_variable
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.user_code.frames import Requests
from chalicelib.user_code.xcom_batches import IndexedValues, OpenPulls, values_of

log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], str]
"""Header and text of the frame that answers."""

_UNAVAILABLE = "StoreUnavailable"

_EXCEPTIONS = {"DagNotFound": DagNotFound, "InvalidConf": ParamValidationError}
"""Airflow's exceptions by the refusals that a try gets as such; any other is an ``AirflowException``."""


class _Refused(Exception):
    """The worker did not do what it was asked for, and says why."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind

    def as_airflow_does(self) -> AirflowException:
        """The exception that user code gets."""
        return _EXCEPTIONS.get(self.kind, AirflowException)(str(self))


_UIDS_AT_FIRST = 250
"""Characters of uids of runs that are told before more are asked for: those of the last ten."""


class AskedXComs:
    """Implements ``authoring.running.execution.XComs`` in a try's process."""

    def __init__(self, requests: Requests, run_uid: str | None = None) -> None:
        self._requests = requests
        self._run_uid = run_uid
        """That of another run than the try's own."""

    def push(self, key: str, value: str) -> None:
        """Keep a text as this task's value of that key."""
        _ask(self._requests, {"op": "xcom_push", "key": key}, value)

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        """A task's text of that key, or None."""
        header = {"op": "xcom_pull", "task_id": task_id, "key": key, "map_index": map_index}
        return _text(_ask(self._requests, self._of_run(header)))

    def pull_all(self, task_id: str, key: str) -> IndexedValues:
        """Map index and text of each instance of a mapped task that pushed the key, some at a time."""
        header = self._of_run({"op": "xcom_pull_all", "task_id": task_id, "key": key})
        yield from self._values(*_ask(self._requests, header))

    def elsewhere(self, source: XComSource) -> Iterator["AskedXComs"]:
        """The XComs of other runs, the latest run first."""
        answer = _ask(self._requests, {"op": "xcom_runs", "source": plain(source)})
        return (AskedXComs(self._requests, run_uid) for _, run_uid in self._values(*answer))

    def _of_run(self, header: dict[str, Any]) -> dict[str, Any]:
        return header if self._run_uid is None else {**header, "run_uid": self._run_uid}

    def _values(self, answer: dict[str, Any], text: str) -> IndexedValues:
        yield from values_of(answer, text)
        while answer["more"] is not None:
            answer, text = _ask(self._requests, {"op": "xcom_pull_more", "pull": answer["more"]})
            yield from values_of(answer, text)


class AskedVariables:
    """Implements ``domain.variables.Variables`` in a try's process, as far as DAG files use it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def get(self, key: str) -> StoredVariable | None:
        """A variable; 1 request."""
        header, text = _ask(self._requests, {"op": "variable_get", "key": key})
        if not header["found"]:
            return None
        return StoredVariable(key=key, value=text, description=header["description"])

    def save(self, variable: StoredVariable) -> None:
        """Keep a variable in place of what is there under its key; 1 request."""
        header = {"op": "variable_save", "key": variable.key, "description": variable.description}
        _ask(self._requests, header, variable.value)

    def delete(self, key: str) -> None:
        """Forget a variable; one that is gone is no error. 1 request."""
        _ask(self._requests, {"op": "variable_delete", "key": key})


class AskedConnections:
    """Implements ``domain.connections.ConnectionsOfDagFiles`` in a try's process, which has no key."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def get(self, conn_id: str) -> StoredConnection | None:
        """A connection with its secrets in plain; 1 request."""
        _, text = _ask(self._requests, {"op": "connection_get", "conn_id": conn_id})
        document = json.loads(text)
        connection: StoredConnection | None = None if document is None else typed(StoredConnection, document)
        return connection


class AskedSecrets:
    """Implements ``domain.secrets_backends.SecretsBackend`` in a try's process; each method is 1 request."""

    def __init__(self, requests: Requests, name: str) -> None:
        self.name = name
        self._requests = requests

    def connection(self, conn_id: str) -> str | None:
        """A connection as URI or JSON, or None."""
        return _text(_ask(self._requests, {"op": "secret_connection", "key": conn_id}))

    def variable(self, key: str) -> str | None:
        """A variable's text, or None."""
        return _text(_ask(self._requests, {"op": "secret_variable", "key": key}))

    def option(self, key: str) -> str | None:
        """An option's text, or None."""
        return _text(_ask(self._requests, {"op": "secret_option", "key": key}))


class AskedDatasets:
    """Implements ``domain.runs.dataset_lookup.DatasetLookup`` in a try's process."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def triggering_events(self) -> tuple[DatasetEvent, ...]:
        """The events that the try's run has."""
        return self._events({"op": "triggering_events"})

    def events_of(self, uri: str) -> tuple[DatasetEvent, ...]:
        """All events of a dataset."""
        return self._events({"op": "events_of_dataset", "uri": uri})

    def events_of_alias(self, name: str) -> tuple[DatasetEvent, ...]:
        """All events that came by an alias."""
        return self._events({"op": "events_of_alias", "name": name})

    def named(self, names: Collection[str]) -> tuple[NamedDataset, ...]:
        """The datasets of these names."""
        _, text = _ask(self._requests, {"op": "datasets_named"}, json.dumps(sorted(names)))
        return tuple(typed(NamedDataset, document) for document in json.loads(text))

    def _events(self, header: dict[str, Any]) -> tuple[DatasetEvent, ...]:
        _, text = _ask(self._requests, header)
        return tuple(typed(DatasetEvent, document) for document in json.loads(text))


class AskedOtherRuns:
    """Implements ``domain.runs.other_runs.OtherRuns`` in a try's process."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def trigger(self, wanted: WantedRun) -> OtherRun:
        """Make a run; raises Airflow's exceptions: ``DagRunAlreadyExists`` has the run that is there."""
        try:
            _, text = _answered(self._requests, {"op": "run_trigger"}, json.dumps(plain(wanted)))
        except _Refused as refusal:
            if refusal.kind != DagRunAlreadyExists.__name__:
                raise refusal.as_airflow_does() from None
            run_id = wanted.run_id or generated_run_id(DagRunType.MANUAL, wanted.execution_date)
            standing = self.find(wanted.dag_id, run_id, wanted.execution_date)
            raise DagRunAlreadyExists(standing or wanted, wanted.execution_date, run_id) from None
        made: OtherRun = typed(OtherRun, json.loads(text))
        return made

    def find(self, dag_id: str, run_id: str | None, execution_date: datetime | None) -> OtherRun | None:
        """The run of that date, else the one of that id."""
        date = None if execution_date is None else execution_date.isoformat()
        document = self._asked("run_find", {"dag_id": dag_id, "run_id": run_id, "execution_date": date})
        found: OtherRun | None = None if document is None else typed(OtherRun, document)
        return found

    def clear(self, run: OtherRun, *, only_failed: bool = False) -> None:
        """Let all tasks of a run, which may be over, run again, or those that failed."""
        self._asked("run_clear", {"run": plain(run), "only_failed": only_failed})

    def watch(self, watched: WatchedTasks) -> tuple[WatchedRun, ...]:
        """The runs of these dates that there are, with how the tasks stand in them."""
        return tuple(typed(WatchedRun, each) for each in self._asked("runs_watch", plain(watched)))

    def dag(self, dag_id: str) -> OtherDag | None:
        """The DAG; None where no deployed file defines it."""
        document = self._asked("dag_find", {"dag_id": dag_id})
        found: OtherDag | None = None if document is None else typed(OtherDag, document)
        return found

    def _asked(self, operation: str, document: Any) -> Any:
        _, text = _ask(self._requests, {"op": operation}, json.dumps(document))
        return json.loads(text)


class AskedClock:
    """Implements ``authoring.clock.Clock`` in a try's process by the clock that the worker lives by."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def now(self) -> datetime:
        """The worker's time."""
        header, _ = _ask(self._requests, {"op": "now"})
        return datetime.fromisoformat(header["now"])

    def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed on the worker's clock."""
        _ask(self._requests, {"op": "sleep", "seconds": seconds})


def asked_option(requests: Requests, section: str, key: str) -> str | None:
    """An option of Airflow's configuration: the process's environment, then what the worker finds."""
    value = configuration.of_environment(section, key)
    return (
        value
        if value is not None
        else _text(_ask(requests, {"op": "option", "section": section, "key": key}))
    )


def asked_previous_success(requests: Requests) -> DagRun | None:
    """The DAG's last successful run before the try's."""
    _, text = _ask(requests, {"op": "previous_success"})
    document = json.loads(text)
    run: DagRun | None = None if document is None else typed(DagRun, document)
    return run


def asked_task_instances(requests: Requests) -> tuple[InstanceFacts, ...]:
    """The task instances of the try's run as they are now."""
    _, text = _ask(requests, {"op": "task_instances"})
    return tuple(typed(InstanceFacts, document) for document in json.loads(text))


def tell_window(requests: Requests, index: int, outcome: WindowOutcome) -> None:
    """Tell the worker what a window came to for a trigger, by its place in what was asked for."""
    _ask(requests, {"op": "window_ended", "index": index}, json.dumps(plain(outcome)))


def _ask(requests: Requests, header: dict[str, Any], text: str = "") -> Answer:
    try:
        return _answered(requests, header, text)
    except _Refused as refusal:
        raise refusal.as_airflow_does() from None


def _answered(requests: Requests, header: dict[str, Any], text: str) -> Answer:
    answer, value = requests.ask(header, text)
    if "error" in answer:
        if answer.get("kind") == _UNAVAILABLE:
            raise StoreUnavailable(answer["error"])
        raise _Refused(answer.get("kind", ""), answer["error"])
    return answer, value


def _text(answer: Answer) -> str | None:
    header, text = answer
    return text if header["found"] else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """The worker's side: what a try may ask for. All methods of these may raise ``StoreUnavailable``."""

    xcoms: RunningXComs
    variables: VariablesOfDagFiles
    find_previous_success: Callable[[], DagRun | None] = lambda: None
    find_task_instances: Callable[[], tuple[InstanceFacts, ...]] = tuple
    datasets: DatasetLookup = field(default_factory=NoDatasets)
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS
    secrets: SecretsBackend | None = None
    other_runs: OtherRuns = field(default_factory=NoOtherRuns)
    open_pulls: OpenPulls = field(default_factory=OpenPulls)
    windows: dict[int, WindowOutcome] = field(default_factory=dict)
    """What came of triggers by now, by their places in what was asked for."""

    def answer(self, header: dict[str, Any], text: str) -> Answer:
        """Do what a try asks for; what cannot be done is said in the answer.

        Only ``Exception`` counts as that: what ends the worker itself goes on its way.
        """
        operation = _OPERATIONS.get(str(header.get("op")))
        if operation is None:
            return {"error": f"{header.get('op')!r} is nothing that a try can ask for"}, ""
        try:
            return operation(self, header, text)
        except StoreUnavailable as error:
            return {"error": str(error), "kind": _UNAVAILABLE}, ""
        except UpdraftError as error:
            return {"error": str(error), "kind": type(error).__name__}, ""
        except (KeyError, TypeError, ValueError) as error:
            return {"error": f"{header['op']} was asked for wrongly: {type(error).__name__}"}, ""
        except Exception as error:
            log.exception("a try's %s failed", header["op"])
            return {"error": f"{header['op']} failed: {type(error).__name__}"}, ""


def _xcom_push(around: Surroundings, header: dict[str, Any], text: str) -> Answer:
    around.xcoms.push(_str(header, "key"), text)
    return {}, ""


def _xcom_pull(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    map_index = typed(int, header["map_index"])
    return _maybe(_xcoms(around, header).pull(_str(header, "task_id"), _str(header, "key"), map_index))


def _xcom_pull_all(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    values = _xcoms(around, header).pull_all(_str(header, "task_id"), _str(header, "key"))
    return around.open_pulls.first(iter(values))


def _xcom_runs(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    runs = around.xcoms.elsewhere(typed(XComSource, header["source"]))
    uids = ((number, xcoms.run_uid) for number, xcoms in enumerate(runs))
    return around.open_pulls.first(uids, _UIDS_AT_FIRST)


def _xcoms(around: Surroundings, header: dict[str, Any]) -> RunningXComs:
    return around.xcoms.of_run(_str(header, "run_uid")) if "run_uid" in header else around.xcoms


def _xcom_pull_more(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return around.open_pulls.more(typed(int, header["pull"]))


def _variable_get(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    variable = around.variables.get(_str(header, "key"))
    if variable is None:
        return {"found": False}, ""
    return {"found": True, "description": variable.description}, variable.value


def _variable_save(around: Surroundings, header: dict[str, Any], text: str) -> Answer:
    description = None if header.get("description") is None else _str(header, "description")
    around.variables.save(checked_variable(_str(header, "key"), text, description))
    return {}, ""


def _variable_delete(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    around.variables.delete(_str(header, "key"))
    return {}, ""


def _connection_get(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps(plain(around.connections.get(_str(header, "conn_id"))))


def _secret_connection(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return _maybe(around.secrets.connection(_str(header, "key")) if around.secrets else None)


def _secret_variable(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return _maybe(around.secrets.variable(_str(header, "key")) if around.secrets else None)


def _secret_option(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return _maybe(around.secrets.option(_str(header, "key")) if around.secrets else None)


def _previous_success(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps(plain(around.find_previous_success()))


def _task_instances(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(facts) for facts in around.find_task_instances()])


def _triggering_events(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(event) for event in around.datasets.triggering_events()])


def _events_of_dataset(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(event) for event in around.datasets.events_of(_str(header, "uri"))])


def _events_of_alias(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(event) for event in around.datasets.events_of_alias(_str(header, "name"))])


def _datasets_named(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    names: frozenset[str] = typed(frozenset[str], json.loads(text))
    return {}, json.dumps([plain(each) for each in around.datasets.named(names)])


def _run_trigger(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    return {}, json.dumps(plain(around.other_runs.trigger(typed(WantedRun, json.loads(text)))))


def _run_find(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    asked = json.loads(text)
    date = None if asked["execution_date"] is None else typed(datetime, asked["execution_date"])
    run_id = None if asked["run_id"] is None else _str(asked, "run_id")
    return {}, json.dumps(plain(around.other_runs.find(_str(asked, "dag_id"), run_id, date)))


def _run_clear(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    asked = json.loads(text)
    around.other_runs.clear(typed(OtherRun, asked["run"]), only_failed=typed(bool, asked["only_failed"]))
    return {}, "null"


def _runs_watch(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    return {}, json.dumps(plain(around.other_runs.watch(typed(WatchedTasks, json.loads(text)))))


def _dag_find(around: Surroundings, _header: dict[str, Any], text: str) -> Answer:
    return {}, json.dumps(plain(around.other_runs.dag(_str(json.loads(text), "dag_id"))))


def _option(_around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return _maybe(configuration.option(_str(header, "section"), _str(header, "key")))


def _now(_around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {"now": clock.current().now().isoformat()}, ""


def _window_ended(around: Surroundings, header: dict[str, Any], text: str) -> Answer:
    outcome: WindowOutcome = typed(WindowOutcome, json.loads(text))
    if outcome.result is WindowResult.WAITS and outcome.due_at is None:
        raise ValueError("a trigger is to go on at no time")
    for value in (outcome.event, *(xcom.value for xcom in outcome.xcoms)):
        json.loads(value or "null")
    around.windows.setdefault(typed(int, header["index"]), outcome)
    return {}, ""


def _sleep(_around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    clock.current().sleep(float(header["seconds"]))
    return {}, ""


_OPERATIONS: dict[str, Callable[[Surroundings, dict[str, Any], str], Answer]] = {
    "xcom_push": _xcom_push,
    "xcom_pull": _xcom_pull,
    "xcom_pull_all": _xcom_pull_all,
    "xcom_pull_more": _xcom_pull_more,
    "xcom_runs": _xcom_runs,
    "task_instances": _task_instances,
    "triggering_events": _triggering_events,
    "events_of_dataset": _events_of_dataset,
    "events_of_alias": _events_of_alias,
    "datasets_named": _datasets_named,
    "run_trigger": _run_trigger,
    "run_find": _run_find,
    "run_clear": _run_clear,
    "runs_watch": _runs_watch,
    "dag_find": _dag_find,
    "variable_get": _variable_get,
    "variable_save": _variable_save,
    "variable_delete": _variable_delete,
    "connection_get": _connection_get,
    "secret_connection": _secret_connection,
    "secret_variable": _secret_variable,
    "secret_option": _secret_option,
    "previous_success": _previous_success,
    "option": _option,
    "now": _now,
    "sleep": _sleep,
    "window_ended": _window_ended,
}


def _str(header: dict[str, Any], name: str) -> str:
    text: str = typed(str, header[name])
    return text


def _maybe(text: str | None) -> Answer:
    return {"found": text is not None}, text or ""
