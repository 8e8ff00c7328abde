"""``deliver``, which does what an event asks for, once, however often the event comes.

It creates runs, and tells the scheduler of changes of datasets, which makes the runs that follow.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.errors import DagRunAlreadyExists, UpdraftError
from chalicelib.domain.messages import RegisterDatasetEvents
from chalicelib.domain.runs.dags import sees
from chalicelib.domain.runs.dataset_changes import changes_text, check_extra
from chalicelib.domain.schedule.dataset_conditions import dataset_reference
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.events.declarations import Declaration, DeclarationError
from chalicelib.events.incoming import Record, SqsMessage, events_of
from chalicelib.events.requests import WantedChange, WantedRun, wanted_changes, wanted_runs

log = logging.getLogger(__name__)

INSTANTS = 16
"""The execution dates to try, a microsecond apart, before an event is given up."""


class Undeliverable(UpdraftError):
    """A message for the dead letters: to deliver it again would not help.

    ``cause_code`` is the code of the first cause; the text names all.
    """

    code = "undeliverable"

    def __init__(self, causes: Sequence[UpdraftError]) -> None:
        super().__init__("; ".join(map(str, causes)))
        self.cause_code = causes[0].code


class NothingDeclared(UpdraftError):
    """A message was sent to the queue of events itself, and no declaration fits it."""

    code = "no_declaration_fits"

    def __init__(self) -> None:
        super().__init__("No declaration fits this message")


class NoFreeInstant(UpdraftError):
    """The execution dates next to the event's are taken by other runs."""

    code = "no_free_execution_date"

    def __init__(self, request: RunRequest) -> None:
        date = request.execution_date.isoformat()
        super().__init__(
            f"DAG {request.dag_id} has other runs at {date} and the {INSTANTS} microseconds after"
        )


def deliver(engine: Engine, declarations: Sequence[Declaration], record: Record) -> None:
    """Do what the events of a message ask for; ``record`` is one of Lambda's SQS events.

    Runs of an earlier delivery are left alone. One run that cannot be created, or one change of a dataset
    that cannot be told, does not prevent the others. Raises ``Undeliverable`` for such, and
    ``StoreUnavailable``, after which the message has to come again. Requests per run: 3 as ``create_run``, 5
    for one that is there already; a change of a dataset takes none, and 1 message.
    """
    try:
        events = events_of(record)
    except UpdraftError as error:
        raise Undeliverable([error]) from error
    refusals: list[UpdraftError] = []
    for event in events:
        wanted = wanted_runs(event, declarations)
        changes = wanted_changes(event, declarations)
        if not (wanted or changes) and isinstance(event, SqsMessage):
            refusals.append(NothingDeclared())
        elif not (wanted or changes):  # a rule or a subscription lets more through, or is no longer declared
            log.info("no declaration fits the %s (%s)", event.description, event.identity)
        for each in wanted:
            refusals.extend(_refusals(engine, each))
        for change in changes:
            refusals.extend(_refusals_of_change(engine, change))
    if refusals:
        raise Undeliverable(refusals)


def check_dags(engine: Engine, declarations: Sequence[Declaration]) -> None:
    """Raise a ``DeclarationError`` that names the entries whose DAG or dataset is not known now.

    1 request per DAG, and 1 per 100 datasets.
    """
    dag_ids = {each.dag_id for each in declarations if each.dag_id is not None}
    known = {dag_id for dag_id in dag_ids if _is_known(engine, dag_id)}
    unknown = [each.label for each in declarations if each.dag_id is not None and each.dag_id not in known]
    if unknown:
        raise DeclarationError(f"No such DAG is known: {'; '.join(unknown)}")
    uris = {each.dataset for each in declarations if each.dataset is not None}
    found = {each.uri for each in engine.store.datasets.get_many(map(dataset_reference, sorted(uris)))}
    missing = [each.label for each in declarations if each.dataset in uris - found]
    if missing:
        raise DeclarationError(f"No DAG file names such a dataset: {'; '.join(missing)}")


def trigger_unless_there(engine: Engine, request: RunRequest) -> bool:
    """Trigger a run with a run id unless the DAG has it already; True if this call created it.

    If another run has the execution date, the next free microsecond is taken. Raises the errors of
    ``create_run`` but ``DagRunAlreadyExists``, and ``NoFreeInstant``.
    """
    run_id = request.run_id
    if run_id is None:
        raise ValueError("what is to happen once needs a run id")
    for later in range(INSTANTS):
        date = request.execution_date + timedelta(microseconds=later)
        try:
            create_run(engine, replace(request, execution_date=date))
        except DagRunAlreadyExists:
            if _exists(engine, request.dag_id, run_id):
                return False
        else:
            return True
    raise NoFreeInstant(request)


def _is_known(engine: Engine, dag_id: str) -> bool:
    dag = engine.store.dags.get(dag_id)
    return dag is not None and dag.is_active and not dag.is_deleted


def _refusals(engine: Engine, wanted: WantedRun) -> list[UpdraftError]:
    """Trigger a run; the reasons against it that will not go away. Raises ``StoreUnavailable``."""
    try:
        request = wanted.request
        is_new = trigger_unless_there(engine, request)
    except UpdraftError as error:
        log.warning("%s: %s", wanted.declaration.label, error, extra={"dag_id": wanted.dag_id})
        return [error]
    done = "triggered" if is_new else "had triggered before"
    log.info(
        "%s: %s %s %s",
        wanted.declaration.label,
        wanted.event.description,
        done,
        request.run_id,
        extra={"dag_id": request.dag_id, "run_id": request.run_id},
    )
    return []


def _refusals_of_change(engine: Engine, wanted: WantedChange) -> list[UpdraftError]:
    """Tell of a change of a dataset; the reason against it that will not go away. Raises as above."""
    try:
        change = wanted.change
        check_extra(change.extra)
    except UpdraftError as error:
        log.warning("%s: %s", wanted.declaration.label, error)
        return [error]
    text = changes_text((change,))
    payload = engine.store.payloads.keep(f"dataset_changes/{wanted.origin}.json", text)
    engine.send(RegisterDatasetEvents(origin=wanted.origin, timestamp=wanted.timestamp, changes=payload))
    log.info("%s: %s changes %s", wanted.declaration.label, wanted.event.description, wanted.uri)
    return []


def _exists(engine: Engine, dag_id: str, run_id: str) -> bool:
    run = engine.store.dag_runs.get_by_run_id(dag_id, run_id)
    dag = engine.store.dags.get(dag_id) if run else None
    return run is not None and dag is not None and sees(dag, run)
