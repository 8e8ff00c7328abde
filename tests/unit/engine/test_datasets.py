"""Datasets: what DAG files refer to, and how events find the DAGs that run by them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.messages import EraseDag, RegisterDatasetEvents, StartRun
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.runs.dataset_changes import DatasetChange, changes_text
from chalicelib.domain.schedule.dataset_conditions import (
    DatasetCondition,
    alias_reference,
    dataset_reference,
    name_reference,
)
from chalicelib.engine import dispatch
from chalicelib.engine.datasets.references import keep_references
from chalicelib.engine.engine import Engine
from chalicelib.engine.tasks.dataset_inputs import DatasetsForTry
from tests.scripted.dags import ScriptedDag, Shape
from tests.scripted.engines import engine_in_memory, take_sent
from tests.scripted.examples import HOUR, NOON, SECOND, a_dag, a_run

A, B, X = dataset_reference("a"), dataset_reference("b"), alias_reference("x")


def document(dag_id: str, condition: Any = None, **outlets: list[str]) -> dict[str, Any]:
    tasks = [{"task_id": task_id, "dataset_outlets": names} for task_id, names in outlets.items()]
    return {"dag_id": dag_id, "dataset_condition": condition, "tasks": tasks}


def engine_with(*consumers: tuple[str, Any], now: datetime = NOON) -> Engine:
    engine = engine_in_memory(lambda: now)
    for dag_id, condition in consumers:
        engine.store.dags.save(a_dag(dag_id, dataset_condition=DatasetCondition.of(condition)))
    keep_references(engine, [document(*each) for each in consumers], set())
    return engine


def deployed(engine: Engine, condition: DatasetCondition | None) -> None:
    """Keep the DAG ``consumer`` whole, with its version, as a file that named datasets once defines it."""
    ScriptedDag([Shape("look")], dag_id="consumer").save(engine.store)
    engine.store.dags.save(a_dag("consumer", dataset_condition=condition, names_datasets=True))


def delete(engine: Engine) -> None:
    """Delete the DAG ``consumer`` and remove what is left of it; its file brings it back."""
    deleted = engine.store.dags.mark_deleted("consumer")
    assert deleted is not None
    dispatch.handle(engine, EraseDag(dag_id="consumer", generation=deleted.generation))


def changed(origin: str, *changes: DatasetChange, at: datetime = NOON) -> RegisterDatasetEvents:
    return RegisterDatasetEvents(origin=origin, timestamp=at, changes=Payload(text=changes_text(changes)))


def runs_of(engine: Engine, dag_id: str) -> list[DagRun]:
    return [*engine.store.dag_runs.list(dag_id)]


def by_reference(engine: Engine) -> dict[str, Dataset]:
    return {each.reference: each for each in engine.store.datasets.list()}


def test_a_dag_whose_condition_is_met_gets_its_run_and_its_message() -> None:
    engine = engine_with(("consumer", "a"))
    message = changed("one", DatasetChange(uri="a", extra={"n": 1}))
    for _ in range(2):
        dispatch.handle(engine, message)
    (run,) = runs_of(engine, "consumer")
    assert (run.run_type, run.external_trigger) == (DagRunType.DATASET_TRIGGERED, False)
    assert run.run_id == "dataset_triggered__2024-05-06T12:00:00+00:00"
    assert [each.message for each in take_sent(engine)] == [StartRun(run=run.ref)]
    (event,) = engine.store.dataset_events.list("a")
    assert (event.extra, event.source, event.timestamp) == ('{"n": 1}', None, NOON)
    assert engine.store.dataset_queues.run_of("consumer", "one") == run.execution_date
    dag = engine.store.dags.get("consumer")
    assert dag is not None
    assert dag.latest_run is not None
    assert dag.latest_run.run_uid == run.run_uid


def test_a_date_that_another_run_has_is_passed_by() -> None:
    engine = engine_with(("consumer", "a"))
    engine.store.dag_runs.create(a_run(dag_id="consumer"), NOON)
    dispatch.handle(engine, changed("one", DatasetChange(uri="a")))
    assert [run.execution_date - NOON for run in runs_of(engine, "consumer")] == [
        timedelta(),
        timedelta.resolution,
    ]


def test_a_deleted_dag_and_one_with_another_schedule_by_now_get_nothing() -> None:
    engine = engine_with(("deleted", "a"), ("changed", "a"))
    engine.store.dags.mark_deleted("deleted")
    engine.store.dags.save(a_dag("changed"))
    dispatch.handle(engine, changed("one", DatasetChange(uri="a")))
    assert [*runs_of(engine, "deleted"), *runs_of(engine, "changed"), *take_sent(engine)] == []
    assert len([*engine.store.dataset_events.list("a")]) == 1


def test_an_event_of_an_earlier_life_of_a_dag_that_comes_again_makes_no_run_in_the_next() -> None:
    engine = replace(engine_with(("consumer", "a")), dags_are_paused_at_creation=False)
    deployed(engine, DatasetCondition.of("a"))
    message = changed("one", DatasetChange(uri="a"))
    dispatch.handle(engine, message)
    assert len(runs_of(engine, "consumer")) == 1
    later = replace(engine, now=lambda: NOON + HOUR)
    delete(later)
    assert later.store.dataset_queues.get_with_dag("consumer")[1] is None
    dispatch.handle(later, message)
    assert runs_of(later, "consumer") == []
    dispatch.handle(later, changed("two", DatasetChange(uri="a"), at=NOON + 2 * HOUR))
    assert len(runs_of(later, "consumer")) == 1


def test_a_queue_is_removed_with_a_dag_that_has_another_schedule_by_now() -> None:
    engine = engine_with(("consumer", {"all": ["a", "b"]}))
    dispatch.handle(engine, changed("one", DatasetChange(uri="a")))
    deployed(engine, None)
    delete(engine)
    assert engine.store.dataset_queues.get_with_dag("consumer")[1] is None


def test_a_paused_dag_runs_by_the_next_event_and_has_all() -> None:
    engine = engine_with(("consumer", "a"))
    engine.store.dags.set_paused("consumer", True, "ada", NOON - HOUR)
    engine.store.dags.set_paused("consumer", False, "ada", NOON + SECOND)
    dispatch.handle(engine, changed("one", DatasetChange(uri="a")))  # late: it came during the pause
    assert runs_of(engine, "consumer") == []
    dispatch.handle(engine, changed("two", DatasetChange(uri="a"), at=NOON + HOUR))
    (run,) = runs_of(engine, "consumer")
    assert [each.origin for each in engine.store.dataset_queues.arrivals(run.run_uid)] == ["one", "two"]


def test_what_came_before_a_pause_counts_however_late_its_message_is() -> None:
    engine = engine_with(("consumer", "a"))
    engine.store.dags.set_paused("consumer", True, "ada", NOON + SECOND)
    dispatch.handle(engine, changed("one", DatasetChange(uri="a")))
    assert len(runs_of(engine, "consumer")) == 1


def test_an_alias_leads_to_those_who_run_by_it_at_its_very_first_event_and_ever_after() -> None:
    engine = engine_with(("by_alias", {"alias": "x"}), ("by_dataset", "a"))
    dispatch.handle(engine, changed("one", DatasetChange(uri="a", aliases=("x",))))
    assert [len(runs_of(engine, dag_id)) for dag_id in ("by_alias", "by_dataset")] == [1, 1]
    dispatch.handle(engine, changed("two", DatasetChange(uri="a"), at=NOON + HOUR))
    assert [len(runs_of(engine, dag_id)) for dag_id in ("by_alias", "by_dataset")] == [2, 2]
    assert by_reference(engine)[A].aliases == {"x"}


def test_a_dataset_that_no_file_names_comes_to_be_with_its_first_event() -> None:
    engine = engine_with()
    dispatch.handle(engine, changed("one", DatasetChange(uri="new", aliases=("x",))))
    assert by_reference(engine)[dataset_reference("new")].aliases == {"x"}


def test_references_follow_the_files() -> None:
    engine = engine_in_memory(lambda: NOON)
    files = [document("producer", make=[A, B]), document("consumer", {"all": ["a", {"alias": "x"}]})]
    keep_references(engine, files, set())
    kept = by_reference(engine)
    assert kept.keys() == {A, B, X}
    assert [(each.dag_id, each.task_id) for each in kept[A].mentions] == [
        ("consumer", None),
        ("producer", "make"),
    ]
    later = replace(engine, now=lambda: NOON + HOUR)
    keep_references(later, files, set())
    assert by_reference(engine) == kept
    keep_references(later, [document("producer", make=[A])], set())
    changed_since = by_reference(engine)
    assert [each.dag_id for each in changed_since[A].mentions] == ["producer"]
    assert changed_since[A].mentions[0].created_at == NOON
    assert (changed_since[A].updated_at, changed_since[A].id) == (NOON + HOUR, kept[A].id)
    assert changed_since[B].mentions == changed_since[X].mentions == ()


def test_what_a_file_says_that_cannot_be_read_now_stays() -> None:
    engine = engine_with(("consumer", "a"))
    kept = by_reference(engine)
    keep_references(engine, [], {"consumer"})
    assert by_reference(engine) == kept


def test_extras_are_those_of_the_files() -> None:
    engine = engine_in_memory(lambda: NOON)
    told = {A: {"extra": '{"team": "v1"}', "name": "prices", "group": "g"}}
    silent = document("c", "a") | {"datasets": {A: {"extra": "{}"}}}
    keep_references(engine, [document("p", make=[A]) | {"datasets": told}, silent], set())
    kept = by_reference(engine)[A]
    assert (kept.extra, kept.name, kept.group) == ('{"team": "v1"}', "prices", "g")


def test_a_dag_may_run_by_the_name_of_a_dataset_that_another_file_defines() -> None:
    engine = engine_with(("consumer", {"any": [{"asset_ref": {"name": "prices"}}]}))
    assert by_reference(engine) == {}
    files = [
        document("consumer", {"any": [{"asset_ref": {"name": "prices"}}]}),
        document("producer", make=[name_reference("prices")]) | {"datasets": {A: {"name": "prices"}}},
    ]
    keep_references(engine, files, set())
    assert [(each.dag_id, each.task_id) for each in by_reference(engine)[A].mentions] == [
        ("consumer", None),
        ("producer", "make"),
    ]
    dispatch.handle(engine, changed("one", DatasetChange(uri="a", name="prices")))
    (run,) = runs_of(engine, "consumer")
    assert run.is_undated


def test_a_try_finds_datasets_by_name_and_events_by_dataset_and_by_alias() -> None:
    engine = engine_in_memory(lambda: NOON)
    changes = (
        DatasetChange(uri="a", name="prices", aliases=("x",)),
        DatasetChange(uri="b", aliases=("x",)),
        DatasetChange(uri="b"),
    )
    dispatch.handle(engine, changed("one", *changes))
    dispatch.handle(engine, changed("two", changes[1], at=NOON - HOUR))
    lookup = DatasetsForTry(engine, a_run().facts(NOON))
    assert [(each.uri, each.timestamp) for each in lookup.events_of_alias("x")] == [
        ("b", NOON - HOUR),
        ("a", NOON),
        ("b", NOON),
    ]
    assert [event.number for event in lookup.events_of("b")] == [0, 1, 2]
    assert lookup.events_of_alias("unknown") == lookup.triggering_events() == ()
    assert [(each.name, each.uri) for each in lookup.named({"prices", "b", "unknown"})] == [
        ("b", "b"),
        ("prices", "a"),
    ]


def test_an_event_gives_a_dataset_the_name_that_it_had_not() -> None:
    engine = engine_in_memory(lambda: NOON)
    for uri in ("a", "b"):
        dispatch.handle(engine, changed(uri, DatasetChange(uri="a", name="prices", aliases=("x",))))
    assert by_reference(engine)[A].name == "prices"
    assert [event.name for event in engine.store.dataset_events.list("a")] == ["prices", "prices"]
