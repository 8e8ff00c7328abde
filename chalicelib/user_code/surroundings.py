"""The surroundings of a try: its questions to the worker, and the worker's answers.

Requests are JSON objects with an ``op``; only those in ``_OPERATIONS`` are answered. A value, which may be
long, is the text of its frame.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.authoring import clock
from chalicelib.authoring.exceptions import AirflowException
from chalicelib.authoring.surroundings import configuration
from chalicelib.domain.errors import StoreUnavailable, UpdraftError
from chalicelib.domain.json_codec import plain, typed
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dataset_events import DatasetEvent
from chalicelib.domain.runs.outcomes import InstanceFacts
from chalicelib.domain.runs.xcom_sources import XComSource
from chalicelib.domain.variables import StoredVariable, VariablesOfDagFiles, checked_variable
from chalicelib.engine.ports.worker import RunningXComs
from chalicelib.user_code.frames import Requests
from chalicelib.user_code.xcom_batches import IndexedValues, OpenPulls, values_of

log = logging.getLogger(__name__)

Answer = tuple[dict[str, Any], str]
"""Header and text of the frame that answers."""

_UNAVAILABLE = "StoreUnavailable"


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


def asked_triggering_events(requests: Requests) -> tuple[DatasetEvent, ...]:
    """The dataset events that the try's run has."""
    return _events(_ask(requests, {"op": "triggering_events"}))


def asked_events_of_dataset(requests: Requests, uri: str) -> tuple[DatasetEvent, ...]:
    """All events of the dataset of a URI."""
    return _events(_ask(requests, {"op": "events_of_dataset", "uri": uri}))


def _events(answer: Answer) -> tuple[DatasetEvent, ...]:
    return tuple(typed(DatasetEvent, document) for document in json.loads(answer[1]))


def _ask(requests: Requests, header: dict[str, Any], text: str = "") -> Answer:
    answer, value = requests.ask(header, text)
    if "error" in answer:
        if answer.get("kind") == _UNAVAILABLE:
            raise StoreUnavailable(answer["error"])
        raise AirflowException(answer["error"])
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
    find_triggering_events: Callable[[], tuple[DatasetEvent, ...]] = tuple
    find_events_of_dataset: Callable[[str], tuple[DatasetEvent, ...]] = lambda _: ()
    open_pulls: OpenPulls = field(default_factory=OpenPulls)

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
            return {"error": str(error)}, ""
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


def _previous_success(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps(plain(around.find_previous_success()))


def _task_instances(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(facts) for facts in around.find_task_instances()])


def _triggering_events(around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(event) for event in around.find_triggering_events()])


def _events_of_dataset(around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return {}, json.dumps([plain(event) for event in around.find_events_of_dataset(_str(header, "uri"))])


def _option(_around: Surroundings, header: dict[str, Any], _text: str) -> Answer:
    return _maybe(configuration.option(_str(header, "section"), _str(header, "key")))


def _now(_around: Surroundings, _header: dict[str, Any], _text: str) -> Answer:
    return {"now": clock.current().now().isoformat()}, ""


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
    "variable_get": _variable_get,
    "variable_save": _variable_save,
    "variable_delete": _variable_delete,
    "previous_success": _previous_success,
    "option": _option,
    "now": _now,
    "sleep": _sleep,
}


def _str(header: dict[str, Any], name: str) -> str:
    text: str = typed(str, header[name])
    return text


def _maybe(text: str | None) -> Answer:
    return {"found": text is not None}, text or ""
