"""Assets of Airflow 3 in DAG files, and what their tasks see and say of events."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authoring.exceptions import NotOffered
from chalicelib.authoring.loading.loader import ImportFailure, load_file
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.assets import Asset, AssetAlias, AssetAll, AssetAny, AssetWatcher, Model
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.model.datasets import Dataset
from chalicelib.authoring.sdk import dag as sdk
from chalicelib.domain.runs.dataset_changes import DatasetChange
from chalicelib.domain.runs.dataset_events import DatasetEvent, EventSource
from chalicelib.domain.runs.dataset_lookup import NamedDataset
from chalicelib.domain.runs.outcomes import TryOutcome, TryResult
from tests.unit.authoring.running import LOGICAL_DATE, FakeXComs, dag_of, run

A, B, C, X = Asset("a"), Asset("b"), Asset(name="c", uri="s3://b/c"), AssetAlias("x")
HOUR = timedelta(hours=1)


@dataclass
class FakeDatasets:
    """What a worker would find."""

    events: tuple[DatasetEvent, ...] = ()
    known: tuple[NamedDataset, ...] = ()
    asked: list[str] = field(default_factory=list)

    def triggering_events(self) -> tuple[DatasetEvent, ...]:
        return self.events

    def events_of(self, uri: str) -> tuple[DatasetEvent, ...]:
        self.asked.append(uri)
        return tuple(event for event in self.events if event.uri == uri)

    def events_of_alias(self, name: str) -> tuple[DatasetEvent, ...]:
        return tuple(event for event in self.events if name in event.aliases)

    def named(self, names: Collection[str]) -> tuple[NamedDataset, ...]:
        return tuple(each for each in self.known if each.name in names)


SOURCE = EventSource(
    dag_id="p",
    task_id="make",
    run_id="r",
    map_index=-1,
    execution_date=LOGICAL_DATE,
    data_interval_start=LOGICAL_DATE,
    data_interval_end=LOGICAL_DATE,
)


def an_event(number: int, uri: str = "s3://b/c", **changes: Any) -> DatasetEvent:
    at = LOGICAL_DATE + number * HOUR
    return DatasetEvent(
        uri=uri, timestamp=at, origin="o", number=number, extra=f'{{"n": {number}}}', source=SOURCE, **changes
    )


EVENTS = (an_event(1, name="c"), an_event(2, name="c", aliases=("x",)), an_event(3, "a"))
KNOWN = (
    NamedDataset(uri="s3://b/c", name="c", group="g", extra='{"team": "v1"}'),
    NamedDataset(uri="a", name="a", group="asset", extra="{}"),
)


def test_name_and_uri_stand_for_each_other() -> None:
    assert [(each.name, each.uri) for each in (A, C, Asset(uri="S3://b/c/"))] == [
        ("a", "a"),
        ("c", "s3://b/c"),
        ("S3://b/c/", "s3://b/c"),
    ]
    assert (A.group, Model("m").group, A.extra) == ("asset", "model", {})


def test_assets_are_equal_if_all_that_is_said_of_them_is() -> None:
    assert Asset("a", extra={"x": 1}) == Asset("a", extra={"x": 1})
    assert Asset("a", extra={"x": 1}) != A
    assert hash(A) == hash(Asset("a"))
    assert Asset("a") == Dataset("a")


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({}, TypeError, "Asset\\(\\) requires either 'name' or 'uri'"),
        ({"name": ""}, ValueError, "Asset name cannot be empty"),
        ({"name": " "}, ValueError, "Asset name cannot be just whitespace"),
        ({"name": "self"}, ValueError, "prohibited name for asset: self"),
        ({"name": "x" * 1501}, ValueError, "Asset name cannot exceed 1500 characters"),
        ({"uri": "airflow://x"}, ValueError, "Asset scheme 'airflow' is reserved"),
    ],
)
def test_what_cannot_be_an_asset_is_refused(
    arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        Asset(**arguments)


def test_a_password_in_a_uri_is_dropped_with_its_user() -> None:
    with pytest.warns(UserWarning, match="should not contain a password"):
        assert Asset(uri="ftp://ada:secret@host/x").uri == "ftp://host/x"
    assert Asset(uri="ftp://ada@host/x").uri == "ftp://ada@host/x"


def test_a_watcher_is_refused_with_what_to_use() -> None:
    with pytest.raises(NotOffered, match=r"events\.toml"):
        AssetWatcher(name="w", trigger=None)


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        ([A, C], {"all": ["a", "s3://b/c"]}),
        (A | B | X, {"any": ["a", "b", {"alias": "x"}]}),
        ((A & B) | C, {"any": [{"all": ["a", "b"]}, "s3://b/c"]}),
        (A | (B | C), {"any": ["a", {"any": ["b", "s3://b/c"]}]}),
        (Asset.ref(name="c"), {"any": [{"asset_ref": {"name": "c"}}]}),
        ([Asset.ref(uri="s3://b/c"), AssetAll(A)], {"all": ["s3://b/c", {"all": ["a"]}]}),
        (AssetAny(A, Dataset("d")), {"any": ["a", "d"]}),
    ],
)
def test_a_schedule_of_assets_is_a_condition(schedule: Any, expression: Any) -> None:
    assert serialize(sdk.DAG("d", schedule=schedule), "d.py")["dataset_condition"] == expression


def test_conditions_are_of_the_generation_of_what_they_are_made_of() -> None:
    assert isinstance(A | B, AssetAny)
    assert isinstance(A & B & C, AssetAll)
    with pytest.raises(TypeError, match="expect asset expressions in condition"):
        AssetAny(A, "b")  # type: ignore[arg-type]  # that is what is refused


def test_a_document_tells_of_names_and_groups() -> None:
    dag = sdk.DAG("d", schedule=[Asset(name="c", uri="s3://b/c", group="g", extra={"n": 1}), A])
    assert serialize(dag, "d.py")["datasets"] == {
        "dataset:a": {"extra": "{}"},
        "dataset:s3://b/c": {"extra": '{"n": 1}', "name": "c", "group": "g"},
    }


def outcome_of(folder: Path, body: str, **changes: Any) -> tuple[TryOutcome, Any]:
    """The outcome of the only task of a DAG by Airflow 3, and what it returned."""
    indented = "".join(f"        {line}\n" for line in body.strip().splitlines())
    dag = dag_of(
        folder,
        "from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task, get_current_context\n"
        "A, C, X = Asset('a'), Asset(name='c', uri='s3://b/c'), AssetAlias('x')\n"
        "with DAG('d'):\n"
        "    @task(task_id='t', inlets=[C, 'text', X], outlets=[A, Asset.ref(name='c'), X])\n"
        "    def t(inlet_events, outlet_events, triggering_asset_events, dag_run):\n"
        f"{indented}"
        "    t()\n",
    )
    xcoms = FakeXComs()
    datasets = changes.pop("datasets", FakeDatasets(EVENTS, KNOWN))
    return run(dag, "t", xcoms, datasets=datasets, **changes), xcoms.value("t")


def test_a_task_says_of_its_outlets_what_goes_with_their_events(tmp_path: Path) -> None:
    outcome, _ = outcome_of(
        tmp_path,
        """
outlet_events[A].extra = {"n": 1}
outlet_events.for_asset(name="c").extra["by"] = "name"
outlet_events[X].add(Asset.ref(name="c"), extra={"how": "alias"})
outlet_events.for_asset_alias(name="x").add(Asset(name="new", uri="file:///new"))
""",
    )
    assert outcome.dataset_changes == (
        DatasetChange(uri="a", extra={"n": 1}),
        DatasetChange(uri="s3://b/c", name="c", extra={"by": "name"}),
        DatasetChange(uri="s3://b/c", name="c", extra={"how": "alias"}, aliases=("x",)),
        DatasetChange(uri="file:///new", name="new", aliases=("x",)),
    )


def test_metadata_that_a_task_yields_goes_with_events(tmp_path: Path) -> None:
    outcome, _ = outcome_of(tmp_path, 'yield Metadata(A, {"n": 2}, alias=X)')
    assert [(each.uri, each.extra, each.aliases) for each in outcome.dataset_changes] == [
        ("a", {"n": 2}, ()),
        ("s3://b/c", {}, ()),
        ("a", {"n": 2}, ("x",)),
    ]


def test_a_text_is_no_key_to_events(tmp_path: Path) -> None:
    outcome, _ = outcome_of(tmp_path, "outlet_events['a']")
    assert outcome.result is TryResult.FAILED
    assert outcome.reason == "TypeError: Key should be either an asset or an asset alias, not <class 'str'>"


def test_a_task_finds_the_events_of_its_inlets(tmp_path: Path) -> None:
    _, seen = outcome_of(
        tmp_path,
        """
def numbers(events):
    return [event.extra["n"] for event in events]
last = inlet_events[C][-1]
return [
    numbers(inlet_events[C]), numbers(inlet_events[0]), numbers(inlet_events[X]),
    numbers(inlet_events[Asset.ref(name="c")].ascending(False)), numbers(inlet_events[C].limit(1)),
    numbers(inlet_events[C].after("2024-05-06T09:00:00+00:00")),
    numbers(inlet_events[C].before("2024-05-06T09:00:00+00:00")),
    last.asset.name, last.asset.group, last.asset.extra, last.source_task_id, last.source_dag_run.run_id,
    [alias.name for alias in last.source_aliases], last.source_task_instance.xcom_pull(default=5),
]
""",
    )
    assert seen == [
        *([1, 2], [1, 2], [2], [2, 1], [1], [2], [1]),
        *("c", "g", {"team": "v1"}, "make", "r", ["x"], 5),
    ]


def test_what_is_no_inlet_has_no_events(tmp_path: Path) -> None:
    outcome, _ = outcome_of(tmp_path, "inlet_events[A]")
    assert outcome.reason == f"KeyError: {A!r}"


def test_a_run_by_assets_has_its_events_and_no_date(tmp_path: Path) -> None:
    _, seen = outcome_of(
        tmp_path,
        """
by_name = {asset.name: [event.extra["n"] for event in events]
           for asset, events in triggering_asset_events.items()}
return [
    by_name, len(triggering_asset_events[Asset.ref(name="c")]), dag_run.run_type, dag_run.logical_date,
    "logical_date" in get_current_context(),
    str(dag_run.run_after),
]
""",
        run_type="dataset_triggered",
        external_trigger=False,
        is_undated=True,
    )
    assert seen == [
        {"c": [1, 2], "x": [2], "a": [3]},
        2,
        "asset_triggered",
        None,
        False,
        "2024-05-06 07:08:09+00:00",
    ]


def test_events_that_nobody_looks_at_cost_nothing(tmp_path: Path) -> None:
    datasets = FakeDatasets()
    outcome_of(tmp_path, "inlet_events[C]", datasets=datasets)
    assert datasets.asked == []


def definitions(folder: Path, body: str) -> dict[str, DAG]:
    (folder / "the_dags.py").write_text(f"from airflow.sdk import Asset, asset, task  # dags\n{body}")
    loaded = load_file(Path("the_dags.py"), folder)
    if isinstance(loaded, ImportFailure):
        raise ValueError(loaded.message)
    return {dag.dag_id: dag for dag in loaded.dags}


def test_a_function_that_makes_an_asset_is_a_dag_of_one_task(tmp_path: Path) -> None:
    dags = definitions(
        tmp_path,
        """
@asset(schedule="@daily", uri="s3://b/milk", group="g", tags=["farm"])
def milk(self, c, outlet_events, more=1):
    outlet_events[self].extra = {"of": c.uri}
    return more

@asset(schedule=milk, dag_id="other")
@task(retries=2)
def cheese():
    return 1

@asset.multi(schedule=[milk], outlets=[Asset("butter"), Asset("cream")])
def dairy():
    pass
""",
    )
    assert {dag_id: dag.task_ids for dag_id, dag in dags.items()} == {
        "milk": ["milk"],
        "other": ["cheese"],
        "dairy": ["dairy"],
    }
    assert dags["milk"].is_of_airflow_3
    assert dags["milk"].tags == {"farm"}
    cheese = serialize(dags["other"], "d.py")
    assert cheese["dataset_condition"] == {"any": ["s3://b/milk"]}
    assert (cheese["tasks"][0]["dataset_outlets"], dags["other"].get_task("cheese").retries) == (
        ["dataset:cheese"],
        2,
    )
    assert serialize(dags["dairy"], "d.py")["tasks"][0]["dataset_outlets"] == [
        "dataset:butter",
        "dataset:cream",
    ]
    xcoms = FakeXComs()
    known = (*KNOWN, NamedDataset(uri="s3://b/milk", name="milk", group="g", extra="{}"))
    outcome = run(dags["milk"], "milk", xcoms, datasets=FakeDatasets(known=known))
    assert (outcome.result, xcoms.value("milk")) == (TryResult.SUCCESS, 1)
    assert outcome.dataset_changes == (
        DatasetChange(uri="s3://b/milk", name="milk", extra={"of": "s3://b/c"}),
    )


def test_an_asset_that_no_file_defines_fails_the_task_by_its_name(tmp_path: Path) -> None:
    dags = definitions(tmp_path, "@asset(schedule=None)\ndef cheese(milk):\n    pass\n")
    outcome = run(dags["cheese"], "cheese", datasets=FakeDatasets())
    assert outcome.reason == "AirflowRuntimeError: ASSET_NOT_FOUND: {'name': 'milk'}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("@asset(schedule=None)\ndef a(*args): pass\n", "wildcard '*args' is not supported in @asset"),
        ("@asset(schedule=None)\ndef a(**kwargs): pass\n", "wildcard '**kwargs' is not supported in @asset"),
        ("@asset(schedule=None)\ndef a(x, /): pass\n", "positional-only argument 'x' without a default"),
        ("@asset.multi(schedule=None, outlets=[])\ndef a(): pass\n", "no outlets provided"),
        (
            "@asset(schedule=None)\n@task(outlets=[Asset('b')])\ndef a(): pass\n",
            "@task decorator with 'outlets' argument is not supported in @asset",
        ),
        ("def f():\n    @asset(schedule=None)\n    def a(): pass\nf()\n", "nested function not supported"),
    ],
)
def test_functions_that_make_no_asset_are_refused(tmp_path: Path, body: str, text: str) -> None:
    with pytest.raises(ValueError, match="line ") as refused:
        definitions(tmp_path, body)
    assert text in str(refused.value)
