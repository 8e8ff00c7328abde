"""Datasets in DAG files: what they are, which schedules they make, and the events of outlets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowException, AirflowTimetableInvalid
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.assets import Asset
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.datasets import Dataset, DatasetAlias, DatasetAll, DatasetAny, Metadata
from chalicelib.authoring.operators.empty import EmptyOperator
from chalicelib.authoring.running.outlet_events import OutletEvents
from chalicelib.authoring.sdk import dag as sdk
from chalicelib.authoring.timetables.datasets import AssetOrTimeSchedule, DatasetOrTimeSchedule
from chalicelib.authoring.timetables.trigger import CronTriggerTimetable
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.runs.dataset_changes import DatasetChange

A, B, C, X = Dataset("a"), Dataset("b"), Dataset("c"), DatasetAlias("x")
START = datetime(2024, 1, 1, tzinfo=UTC)
EVERY_DAY = CronTriggerTimetable("0 6 * * *", timezone="UTC")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("table", "table"),
        ("S3://bucket/key//", "s3://bucket/key"),
        ("s3://bucket", "s3://bucket/"),
        ("ftp://host/x?b=2&a=1#part", "ftp://host/x?a=1&b=2"),
        ("x-own://Host/a/", "x-own://Host/a/"),
        ("file:///a/b", "file:///a/b"),
    ],
)
def test_a_uri_has_a_normal_form(given: str, kept: str) -> None:
    assert Dataset(given).uri == kept
    assert Dataset(given) == Dataset(kept)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("", "Dataset URI cannot be empty"),
        ("  ", "Dataset URI cannot be just whitespace"),
        ("s3://größe", "Dataset URI must only consist of ASCII characters"),
        ("airflow://x", "Dataset scheme 'airflow' is reserved"),
        ("x" * 2001, "Dataset URI is 2,001 bytes long; at most 2,000 fit"),
        ("s3://b/k?a=" + "/" * 700, "Dataset URI is 2,111 bytes long"),  # longer in its normal form
    ],
)
def test_other_uris_are_refused(uri: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Dataset(uri)


def test_a_login_in_a_uri_is_dropped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="should not contain auth info"):
        assert Dataset("ftp://ada:secret@host/x").uri == "ftp://host/x"


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        ([A, B], {"all": ["a", "b"]}),
        ([A], {"all": ["a"]}),
        (A, {"any": ["a"]}),
        (X, {"any": [{"alias": "x"}]}),
        (A | B | C, {"any": ["a", "b", "c"]}),
        ((A & B) | C, {"any": [{"all": ["a", "b"]}, "c"]}),
        (A & B & X, {"all": ["a", "b", {"alias": "x"}]}),
        (DatasetAny(A, DatasetAll(B, C)), {"any": ["a", {"all": ["b", "c"]}]}),
    ],
)
def test_a_schedule_of_datasets_is_a_condition(schedule: Any, expression: Any) -> None:
    dag = DAG("d", schedule=schedule, start_date=START)
    assert serialize(dag, "d.py")["dataset_condition"] == expression
    assert (dag.schedule_interval, dag.timetable.summary) == ("Dataset", "Dataset")
    assert dag.planning.expression is None


@pytest.mark.parametrize(
    ("kind", "schedule", "word"),
    [
        (DAG, DatasetOrTimeSchedule(timetable=EVERY_DAY, datasets=[A, B]), "Dataset"),
        (sdk.DAG, AssetOrTimeSchedule(timetable=EVERY_DAY, assets=Asset("a") & Asset("b")), "Asset"),
    ],
)
def test_a_dag_may_run_by_datasets_and_by_the_clock(kind: type[DAG], schedule: Any, word: str) -> None:
    dag = kind("d", schedule=schedule, start_date=START)
    dag.validate()
    document = serialize(dag, "d.py")
    assert document["dataset_condition"] == {"all": ["a", "b"]}
    assert (document["schedule"], document["is_trigger"]) == ("0 6 * * *", True)
    assert document["timetable"]["summary"] == dag.timetable.summary == f"{word} or 0 6 * * *"
    assert dag.timetable.description == f"Triggered by {word.lower()}s or At 06:00"
    assert dag.timetable.can_be_scheduled


def test_datasets_are_combined_with_a_timetable_of_the_clock_only() -> None:
    nested = DatasetOrTimeSchedule(timetable=EVERY_DAY, datasets=[A])
    with pytest.raises(AirflowTimetableInvalid, match="cannot nest dataset timetables"):
        DatasetOrTimeSchedule(timetable=nested, datasets=[A])
    with pytest.raises(AirflowTimetableInvalid, match="all elements in 'datasets' must be datasets"):
        DAG("d", schedule=DatasetOrTimeSchedule(timetable=EVERY_DAY, datasets=5))


def test_the_timetable_of_assets_has_their_name() -> None:
    timetable = sdk.DAG("d", schedule=[Asset("a")]).timetable
    assert (timetable.summary, timetable.description) == ("Asset", "Triggered by assets")


def test_a_condition_takes_conditions_only() -> None:
    with pytest.raises(TypeError, match="expect dataset expressions in condition"):
        DatasetAll(A, "b")  # type: ignore[arg-type]  # that is what is refused
    with pytest.raises(TypeError):
        A | "b"


def test_a_document_tells_of_outlets_and_of_what_files_say_of_datasets() -> None:
    told = Dataset("a", extra={"team": "v1"})
    with DAG("d", schedule=None, start_date=START) as dag:
        EmptyOperator(task_id="make", outlets=[told, X])
        EmptyOperator(task_id="other")
    document = serialize(dag, "d.py")
    assert document["datasets"] == {"dataset:a": {"extra": '{"team": "v1"}'}}
    assert [task.get("dataset_outlets") for task in document["tasks"]] == [["alias:x", "dataset:a"], None]
    assert "dataset_condition" not in document


def test_each_dataset_among_the_outlets_is_changed_with_what_was_said_of_it() -> None:
    events = OutletEvents()
    events[A].extra = {"n": 1}
    events["b"].extra["by"] = "uri"
    events.take(Metadata(C, {"rows": 3}))
    assert events.changes_of([A, B, "text"]) == (
        DatasetChange(uri="a", extra={"n": 1}),
        DatasetChange(uri="b", extra={"by": "uri"}),
    )


def test_what_aliases_bring_is_one_event_for_each_dataset_and_extra() -> None:
    events = OutletEvents()
    events[X].add(A, extra={"n": 1})
    events[DatasetAlias("y")].add("a", extra={"n": 1})
    events["x"].add(Dataset("a"), {"n": 2})
    events.take(Metadata(B, {"rows": 3}, alias=X))
    assert events.changes_of([X, DatasetAlias("y"), DatasetAlias("unused")]) == (
        DatasetChange(uri="a", extra={"n": 1}, aliases=("x", "y")),
        DatasetChange(uri="a", extra={"n": 2}, aliases=("x",)),
        DatasetChange(uri="b", extra={"rows": 3}, aliases=("x",)),
    )


def test_an_extra_has_to_be_json_and_no_larger_than_what_is_kept() -> None:
    events = OutletEvents()
    events[A].extra = {"at": START}
    with pytest.raises(AirflowException, match="The extra of a dataset event has to be JSON"):
        events.changes_of([A])
    events[A].extra = {"rows": "x" * 100_000}
    with pytest.raises(AirflowException, match="has 100,012 bytes as JSON; up to 100,000 are kept"):
        events.changes_of([A])
    with DAG("large", schedule=[Dataset("a", extra={"rows": "x" * 100_000})], start_date=START) as large:
        EmptyOperator(task_id="a")
    with pytest.raises(InvalidRequest, match="up to 100,000 are kept"):
        serialize(large, "large.py")


def test_names_that_no_table_can_keep_are_refused() -> None:
    with pytest.raises(ValueError, match="Dataset alias name is 2,001 bytes long"):
        DatasetAlias("x" * 2001)
    with pytest.raises(ValueError, match="Asset name is 3,000 bytes long"):
        Asset("ä" * 1500)
    with pytest.raises(ValueError, match="Dataset URI is 2,001 bytes long"):
        OutletEvents()[X].add("x" * 2001)
