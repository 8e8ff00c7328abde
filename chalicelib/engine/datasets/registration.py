"""The registration of dataset events: each is kept, and arrives once at each DAG that runs by it.

All that an arrival makes of a DAG's queue, a run included, is one write (``DatasetQueues.arrive``). So a
message that comes again, or after a crash, finds what was done, and a DAG runs once per condition met.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.datasets.datasets import Dataset
from chalicelib.domain.datasets.queues import ArrivalStep, DatasetQueue, PlannedRun, arrive, meet, queue_for
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import RegisterDatasetEvents
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, generated_run_id, new_id
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.runs.dataset_changes import changes_of
from chalicelib.domain.runs.dataset_events import DatasetEvent, events_of
from chalicelib.domain.schedule.dataset_conditions import alias_reference, dataset_reference, name_reference
from chalicelib.engine.engine import Engine
from chalicelib.engine.ports.store import Arrived
from chalicelib.engine.runs.create import RunRequest, announce, new_run

log = logging.getLogger(__name__)

TRIGGERED_BY = "datasets"

_ROUNDS = 20
"""Attempts at one queue while others change it too: each round, one of them gets through."""


def register_events(engine: Engine, message: RegisterDatasetEvents) -> None:
    """Keep the events of an origin, and let them arrive at each DAG that runs by any of them.

    Safe to repeat and to interrupt. 1 request for the datasets, 1 more where aliases lead further, 1 for each
    event; for each DAG 2, or 3 and 1 message where a run is made; more where others change its queue too.
    Raises ``StoreUnavailable``: the message comes again.
    """
    changes = changes_of(engine.store.payloads.read(message.changes))
    events = events_of(message.origin, message.timestamp, changes, message.source)
    known = _Known.of(engine, events)
    for event in events:
        engine.store.dataset_events.save(event)
    for dag_id in known.consumers(events):
        _arrive(engine, dag_id, events, known)


@dataclass(frozen=True, slots=True)
class _Known:
    """The datasets of some events, and the aliases by which they are found."""

    datasets: Mapping[str, Dataset]
    """By reference."""

    @classmethod
    def of(cls, engine: Engine, events: Iterable[DatasetEvent]) -> "_Known":
        """Find them; a dataset or a tie to an alias that is not there yet is made."""
        named = dict.fromkeys(each for event in events for each in _named_by(event))
        found = {each.reference: each for each in engine.store.datasets.get_many(named)}
        for event in events:
            reference = dataset_reference(event.uri)
            dataset = found.get(reference) or _new_dataset(engine, reference, event.timestamp)
            if reference not in found or not _is_tied(dataset, event):
                dataset = _tied(dataset, event)
                engine.store.datasets.bring(dataset)
            found[reference] = dataset
        further = {alias_reference(name) for each in found.values() for name in each.aliases} - named.keys()
        if further:
            found |= {each.reference: each for each in engine.store.datasets.get_many(sorted(further))}
        return cls(found)

    def references(self, event: DatasetEvent) -> frozenset[str]:
        """All references that an event counts for: as in Airflow a dataset belongs to an alias for good
        once an event has come by it."""
        dataset = self.datasets[dataset_reference(event.uri)]
        named = name_reference(event.name or dataset.name)
        return frozenset({dataset.reference, named, *map(alias_reference, dataset.aliases)})

    def consumers(self, events: Iterable[DatasetEvent]) -> list[str]:
        """The ids of the DAGs that run by any of the events, sorted."""
        references = {each for event in events for each in self.references(event)}
        met = (self.datasets[each] for each in references if each in self.datasets)
        return sorted({dag_id for dataset in met for dag_id in dataset.consumers})


def _named_by(event: DatasetEvent) -> list[str]:
    return [dataset_reference(event.uri), *map(alias_reference, event.aliases)]


def _new_dataset(engine: Engine, reference: str, now: datetime) -> Dataset:
    number = new_id(now, engine.entropy)
    return Dataset(reference=reference, id=number, created_at=now, updated_at=now)


def _is_tied(dataset: Dataset, event: DatasetEvent) -> bool:
    return dataset.aliases.issuperset(event.aliases) and bool(dataset.own_name or not event.name)


def _tied(dataset: Dataset, event: DatasetEvent) -> Dataset:
    aliases = dataset.aliases | frozenset(event.aliases)
    return replace(dataset, aliases=aliases, own_name=dataset.own_name or event.name)


def meet_condition(engine: Engine, dag_id: str) -> None:
    """Make the run that a DAG is due by what has arrived, if its condition is one that this meets.

    It is so only where the file has another condition since the last arrival. Safe to repeat. 1 request; 2
    more and 1 message where a run is made. Raises ``StoreUnavailable``.
    """

    def plan(dag: Dag, kept: DatasetQueue | None, not_before: datetime | None) -> ArrivalStep | None:
        is_of_its_life = kept is not None and kept.generation == dag.generation
        if kept is None or not is_of_its_life or dag.dataset_condition is None or dag.is_paused:
            return None
        return meet(
            kept, dag.dataset_condition, engine.now(), new_run_uid=engine.new_uid(), not_before=not_before
        )

    _change_queue(engine, dag_id, plan)


def _arrive(engine: Engine, dag_id: str, events: Iterable[DatasetEvent], known: _Known) -> None:
    """Let the events that concern a DAG arrive there, once."""

    def plan(dag: Dag, kept: DatasetQueue | None, not_before: datetime | None) -> ArrivalStep | None:
        if dag.dataset_condition is None:
            return None
        wanted = dag.dataset_condition.references
        own = [event for event in events if known.references(event) & wanted]
        if not own:
            return None  # its file has another schedule by now
        return arrive(
            queue_for(kept, dag_id, dag.generation, engine.new_uid()),
            dag.dataset_condition,
            own,
            frozenset[str]().union(*map(known.references, own)),
            is_paused=dag.was_paused_at(own[0].timestamp) or not dag.is_active,
            new_run_uid=engine.new_uid(),
            not_before=not_before,
        )

    _change_queue(engine, dag_id, plan)


_Plan = Callable[[Dag, DatasetQueue | None, datetime | None], ArrivalStep | None]
"""What is to be made of a DAG's queue, whose next run may not be dated before some moment; None: nothing."""


def _change_queue(engine: Engine, dag_id: str, plan: _Plan) -> None:
    """Write what a plan makes of a DAG's queue as it is, a run included."""
    not_before: datetime | None = None
    for _ in range(_ROUNDS):
        dag, kept = engine.store.dataset_queues.get_with_dag(dag_id)
        if dag is None or dag.is_deleted:
            return
        step = plan(dag, kept, not_before)
        if step is None:
            return
        run = _run_of(engine, dag, step.run)
        match engine.store.dataset_queues.arrive(step, run, engine.now() + SWEEP_INTERVAL):
            case Arrived.APPLIED:
                if run is not None:
                    log.info("created %s of %s", run.run_id, dag_id, extra={"run_id": run.run_id})
                    announce(engine, run)
                return
            case Arrived.REPEATED:
                return
            case Arrived.DATE_TAKEN:
                not_before = _after_date_of(step)
            case Arrived.OVERTAKEN:
                continue
    raise StoreUnavailable(f"what has arrived for {dag_id} is changed by others all the time")


def _after_date_of(step: ArrivalStep) -> datetime | None:
    return step.run.execution_date + timedelta.resolution if step.run else None


def _run_of(engine: Engine, dag: Dag, planned: PlannedRun | None) -> DagRun | None:
    if planned is None:
        return None
    request = RunRequest(
        dag_id=dag.dag_id,
        execution_date=planned.execution_date,
        run_type=DagRunType.DATASET_TRIGGERED,
        external_trigger=False,
        is_undated=True,
        triggered_by=TRIGGERED_BY,
        data_interval=planned.data_interval,
    )
    run_id = generated_run_id(DagRunType.DATASET_TRIGGERED, planned.execution_date)
    return new_run(engine, dag, request, run_id, planned.run_uid)
