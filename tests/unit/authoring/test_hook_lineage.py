"""What hooks read and write: it joins the lineage of the task, and makes no events of datasets."""

from typing import Any

from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.datasets import Dataset
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.plugins import listeners
from chalicelib.authoring.plugins.listeners import hookimpl
from chalicelib.authoring.running.hook_lineage import (
    MOST_COLLECTED,
    HookLineage,
    HookLineageReader,
    NoOpCollector,
    get_hook_lineage_collector,
)
from chalicelib.authoring.surroundings.connections import BaseHook
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import START, run

DECLARED = Dataset("s3://bucket/declared")


def _shown(uri: str, extra: Any = None) -> str:
    return f"airflow.datasets.Dataset@version=1(uri={uri},extra={extra})"


def _copy() -> None:
    collector, hook = get_hook_lineage_collector(), BaseHook()
    collector.add_input_dataset(hook, uri="S3://bucket/read", dataset_extra={"n": 1})
    collector.add_input_dataset(hook, uri="s3://bucket/read")
    for uri in ("s3://bucket/written", "s3://bucket/written", DECLARED.uri):
        collector.add_output_asset(context=hook, uri=uri)
    collector.add_output_dataset(hook, scheme="unknown", dataset_kwargs={"key": "k"})


def _outcome_of(function: Any) -> TryOutcome:
    with DAG("d", schedule=None, start_date=START) as dag:
        PythonOperator(task_id="a", python_callable=function, outlets=[DECLARED])
    return run(dag, "a")


def test_what_hooks_tell_of_joins_the_lineage_that_is_declared() -> None:
    outcome = _outcome_of(_copy)
    assert outcome.inlets == (_shown("s3://bucket/read", "{'n': 1}"),)
    assert outcome.outlets == (_shown(DECLARED.uri), _shown("s3://bucket/written"))


def test_what_hooks_tell_of_makes_no_event() -> None:
    assert [change.uri for change in _outcome_of(_copy).dataset_changes] == [DECLARED.uri]


def test_each_task_begins_with_nothing_and_outside_of_one_nothing_is_kept() -> None:
    _outcome_of(_copy)
    assert not _outcome_of(lambda: None).inlets
    collector = get_hook_lineage_collector()
    collector.add_input_dataset(BaseHook(), uri="s3://bucket/read")
    assert isinstance(collector, NoOpCollector)
    assert not collector.has_collected


def test_a_hundred_datasets_are_collected_and_what_is_none_is_passed_over() -> None:
    def list_bucket() -> None:
        collector, hook = get_hook_lineage_collector(), BaseHook()
        collector.add_output_dataset(hook, uri="airflow://reserved")
        for number in range(MOST_COLLECTED + 1):
            collector.add_input_dataset(hook, uri=f"s3://bucket/{number}")

    outcome = _outcome_of(list_bucket)
    assert len(outcome.inlets) == MOST_COLLECTED
    assert outcome.outlets == (_shown(DECLARED.uri),)


def test_a_listener_reads_how_often_each_hook_told_of_a_dataset() -> None:
    told: list[HookLineage] = []

    class Listener:
        @hookimpl
        def on_task_instance_success(self) -> None:
            told.append(reader.retrieve_hook_lineage())

    reader = HookLineageReader()
    listeners.register([Listener()])
    try:
        assert _outcome_of(_copy).result is TryResult.SUCCESS
    finally:
        listeners.register([])
    [lineage] = told
    assert [(info.dataset.extra, info.count) for info in lineage.inputs] == [({"n": 1}, 1), (None, 1)]
    assert [(info.asset.uri, info.count) for info in lineage.outputs] == [
        ("s3://bucket/written", 2),
        (DECLARED.uri, 1),
    ]
