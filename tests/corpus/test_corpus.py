"""The corpus: each DAG file loads, and its runs end as expected.

``expected.json`` holds what Airflow 2.10.5's ``dag.test()`` gave for the same files wherever it runs them to
their ends alone. What Airflow 3 alone runs, and runs that another run starts, are by its documentation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.testing.dags import DagUnderTest, Given, Place, dag_under_test
from chalicelib.testing.results import MappedResult

FOLDER = Path(__file__).parent / "dags"
EXPECTED: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "expected.json").read_text())
GIVEN = Given.of(
    variables={"city": "Bergen", "limits": {"rows": 5}},
    connections={"shop": "http://ada:secret@shop.example:8080/?region=north"},
    env={},
)
DATE = "2026-01-02"


def dag_of_corpus(dag_id: str) -> DagUnderTest:
    place = Place(folder=FOLDER, names=(EXPECTED[dag_id]["file"],), dag_id=dag_id)
    return dag_under_test(place, GIVEN, now=None, real_time=False, tell=lambda _run: None)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_of_the_corpus_ends_as_expected(dag_id: str) -> None:
    expected = EXPECTED[dag_id]
    dag = dag_of_corpus(dag_id)
    run = dag.run(DATE, expected.get("conf"))
    assert run.states == expected["tasks"]
    assert run.state == expected["run"]
    results = {task_id: run[task_id] for task_id in run.states}
    assert dict(_xcoms(results)) == expected["xcoms"]
    others = {other for other in EXPECTED if EXPECTED[other]["file"] == expected["file"]} - {dag_id}
    states = {other: each.state for other in others for each in dag.runs(other)}
    assert states == expected.get("others", {})


def _xcoms(results: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What tasks returned, as JSON has it, without those that returned nothing."""
    for task_id, result in results.items():
        value = json.loads(json.dumps(result.xcom()))
        if isinstance(result, MappedResult):
            value = [each for each in value if each is not None] or None
        if value is not None:
            yield task_id, value


def test_what_triggers_a_consumer_reaches_it() -> None:
    dag = dag_of_corpus("asset_pipeline")
    dag.run(DATE)
    (clean,), (audit,) = dag.runs("asset_pipeline_clean"), dag.runs("asset_pipeline_audit")
    assert clean.xcom("drop_negative") == [3]
    assert audit.xcom("audit") == [2]
    lake = dag_of_corpus("dataset_events")
    lake.run(DATE)
    (by_alias,), (or_time,) = lake.runs("dataset_events_by_alias"), lake.runs("dataset_events_or_time")
    assert by_alias.xcom("regions") == [["east", "west"], ["east", "west"]]
    assert or_time.xcom("rows") == [3]
    elt = dag_of_corpus("nightly_elt")
    elt.run(DATE)
    (dashboards,) = elt.runs("nightly_elt_dashboards")
    assert dashboards.xcom("refresh") == ["publish.swap"]


def test_what_failed_once_was_tried_again_and_alerts_were_given() -> None:
    run = dag_of_corpus("nightly_elt").run(DATE, {"regions": ["east", "south"]})
    assert run["partition.extract"].states == ["skipped", "success"]
    assert run["partition.extract"].tries == [1, 2]
    assert run.states["quality.too_few"] == "skipped"
    assert "swapping 2025-12-31 one" in run["publish.swap"].log
    failed = dag_of_corpus("callbacks").run(DATE)
    assert [(call.kind, call.task_id) for call in failed.callbacks] == [
        ("on_success_callback", "good"),
        ("on_failure_callback", "bad"),
        ("on_failure_callback", None),
    ]
    assert "failed on 2026-01-02" in failed.callbacks[1].log


def test_a_model_that_is_not_good_enough_is_not_registered() -> None:
    run = dag_of_corpus("model_training").run(DATE, {"rates": [0.4, 0.9]})
    assert run.states["train"] == ["success", "failed"]
    assert (run["gate"].xcom(), run.states["register"]) == (False, "skipped")
    assert "stopping cluster-7" in run["stop_cluster"].log
