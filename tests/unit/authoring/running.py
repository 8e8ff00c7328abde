"""What tests of the authoring layer share: loading DAG texts, and running tasks against XComs in a dict."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.authoring.loading.loader import LoadedFile, load_file
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.running.execution import run_try
from chalicelib.authoring.running.xcom_values import from_json, to_json
from chalicelib.domain.runs.outcomes import TryOutcome, TryRequest
from chalicelib.domain.runs.xcom_sources import XComSource

CONTRACT_DAGS = Path(__file__).parents[2] / "contract" / "dags"
LOGICAL_DATE = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
STARTED = datetime(2024, 5, 6, 7, 8, 12, tzinfo=UTC)


@dataclass
class FakeXComs:
    """XComs of one run, in dicts of texts; ``running`` is the task that pushes, and its map index."""

    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    """Those of plain tasks."""
    mapped: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)
    """Those of instances of mapped tasks."""
    running: str = ""
    map_index: int = -1
    requests: list[str] = field(default_factory=list)
    """What was pulled."""
    others: list["FakeXComs"] = field(default_factory=list)
    """Those of other runs, the latest first."""
    sources: list[XComSource] = field(default_factory=list)
    """Which other runs were asked for."""

    def elsewhere(self, source: XComSource) -> Iterator["FakeXComs"]:
        self.sources.append(source)
        yield from self.others

    def push(self, key: str, value: str) -> None:
        if self.map_index < 0:
            self.texts[self.running, key] = value
        else:
            self.mapped.setdefault((self.running, key), {})[self.map_index] = value

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:
        self.requests.append(f"{task_id}#{map_index}#{key}")
        if map_index < 0:
            return self.texts.get((task_id, key))
        return self.mapped.get((task_id, key), {}).get(map_index)

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        self.requests.append(f"{task_id}#*#{key}")
        yield from sorted(self.mapped.get((task_id, key), {}).items())

    def value(self, task_id: str, key: str = "return_value") -> Any:
        text = self.texts.get((task_id, key))
        return None if text is None else from_json(text)

    def given(self, task_id: str, value: Any, key: str = "return_value") -> None:
        self.texts[task_id, key] = to_json(value)

    def given_by_index(self, task_id: str, values: Mapping[int, Any], key: str = "return_value") -> None:
        self.mapped[task_id, key] = {index: to_json(value) for index, value in values.items()}


def request_for(dag: DAG, task_id: str, **changes: Any) -> TryRequest:
    fields: dict[str, Any] = {
        "dag_id": dag.dag_id,
        "fileloc": Path(dag.fileloc).name,
        "run_id": "manual__2024-05-06T07:08:09+00:00",
        "run_uid": "01HX",
        "run_type": "manual",
        "task_id": task_id,
        "map_index": -1,
        "try_number": 1,
        "max_tries": 0,
        "execution_date": LOGICAL_DATE,
        "data_interval_start": LOGICAL_DATE,
        "data_interval_end": LOGICAL_DATE,
        "run_start_date": STARTED,
        "start_date": STARTED,
        "external_trigger": True,
    }
    return TryRequest(**{**fields, **changes})


def run(dag: DAG, task_id: str, xcoms: FakeXComs | None = None, **changes: Any) -> TryOutcome:
    store = xcoms or FakeXComs()
    store.running, store.map_index = task_id, changes.get("map_index", -1)
    return run_try(dag, request_for(dag, task_id, **changes), store)


def contract_dag(file: str, dag_id: str | None = None) -> DAG:
    loaded = load_file(CONTRACT_DAGS / f"{file}.py", CONTRACT_DAGS)
    assert isinstance(loaded, LoadedFile), loaded
    return next(dag for dag in loaded.dags if dag.dag_id == (dag_id or file))


def dag_of(folder: Path, body: str) -> DAG:
    """The only DAG of a file with that text."""
    path = folder / "the_dag.py"
    path.write_text(body)
    loaded = load_file(path, folder)
    assert isinstance(loaded, LoadedFile), loaded
    (dag,) = loaded.dags
    return dag


def a_dag(**kwargs: Any) -> DAG:
    """A DAG without tasks and schedule."""
    return DAG("x", schedule=None, start_date=START, **kwargs)


def call(
    function: Callable[..., Any], dag: DAG | None = None, request: dict[str, Any] | None = None, **kwargs: Any
) -> tuple[TryOutcome, Any]:
    """The outcome and the returned value of a function as a task."""
    xcoms = FakeXComs()
    made = PythonOperator(task_id="a", python_callable=function, dag=dag or a_dag(), **kwargs)
    return run(made.dag, "a", xcoms, **(request or {})), xcoms.value("a")


def bash(command: str, **kwargs: Any) -> tuple[TryOutcome, Any]:
    """The outcome and the returned value of a shell command as a task."""
    xcoms = FakeXComs()
    dag = kwargs.pop("dag", None) or a_dag()
    BashOperator(task_id="a", bash_command=command, dag=dag, **kwargs)
    return run(dag, "a", xcoms), xcoms.value("a")
