"""The outcomes of DAGs in the form of the recorded ones: states, values, tries, errors.

``python -m tests.providers.outcomes FOLDER`` takes cases (``dag_id``, ``file``, ``expect``) as JSON from its
standard input, and runs them one after the other, each in a laboratory of its own, with real waits, in the
environment as it is. It prints a line of JSON for each.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.running.xcom_values import from_json
from chalicelib.simulation.one_run import FinishedRun, Laboratory, WantedRun, Watch

DATE = datetime(2026, 1, 2, tzinfo=UTC)

_OF_RECORDER = "RECORDER_FILE"
"""Names the file to which ``dags/recorder.py`` writes."""


def outcome_of(folder: Path, case: Mapping[str, Any]) -> dict[str, Any]:
    """Run a DAG; beside the outcome what it has used, and of its tasks the invocations and their logs."""
    tries: list[tuple[str, str]] = []
    watch = Watch(on_try=lambda request, report: tries.append((request.task_id, report.log.decode())))
    laboratory = Laboratory(folder, watch, names=[case["file"]], real_time=True)
    if laboratory.failures:
        return {"broken": [str(failure) for failure in laboratory.failures]}
    finished = laboratory.run(WantedRun(dag_id=case["dag_id"], execution_date=DATE))
    lines = [json.loads(line) for line in Path(os.environ[_OF_RECORDER]).read_text().splitlines()]
    return {
        "run": str(finished.run.state),
        "tasks": sorted([item.task_id, item.map_index, str(item.state)] for item in finished.instances),
        "tries": {item.task_id: item.try_number for item in finished.instances if item.try_number > 1},
        "values": list(_values(laboratory, finished, case["expect"]["values"])),
        "errors": sorted(line[1:] for line in lines if line[0] == "error"),
        "used": sorted({(module, name) for kind, module, name, *_ in lines if kind == "used"}),
        "invocations": Counter(task_id for task_id, _ in tries),
        "log": "".join(f"== {task_id}\n{log}" for task_id, log in tries),
    }


def _values(laboratory: Laboratory, finished: FinishedRun, wanted: list[list[Any]]) -> Iterator[list[Any]]:
    for task_id, map_index, key, _ in wanted:
        text = laboratory.engine.store.xcoms.pull(finished.run.run_uid, task_id, map_index, key)
        if text is not None:
            with finder.importable():
                yield [task_id, map_index, key, _recorded(from_json(text))]


def _recorded(value: Any) -> Any:
    """A value as the recorded outcomes have it."""
    match value:
        case list() | tuple():
            return [_recorded(each) for each in value]
        case Mapping():
            return {str(key): _recorded(each) for key, each in value.items()}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
    return value


def _fresh_stores() -> None:
    api = HTTPConnection(os.environ["HTTP_API"].removeprefix("http://"), timeout=120)
    api.request("POST", "/_reset")
    assert api.getresponse().status == HTTPStatus.OK
    api.close()
    Path(os.environ[_OF_RECORDER]).write_text("")


def main(folder: Path) -> None:
    """Run the cases of standard input."""
    for case in json.load(sys.stdin):
        _fresh_stores()
        print(json.dumps({"dag_id": case["dag_id"], **outcome_of(folder, case)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
