"""``deliver``, which creates the runs that an event asks for: once, however often the event comes."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.errors import DagRunAlreadyExists, UpdraftError
from chalicelib.domain.runs.dags import sees
from chalicelib.engine.engine import Engine
from chalicelib.engine.runs.create import RunRequest, create_run
from chalicelib.events.declarations import Declaration, DeclarationError
from chalicelib.events.incoming import Record, SqsMessage, events_of
from chalicelib.events.requests import WantedRun, wanted_runs

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
    """Trigger the runs that the events of a message ask for; ``record`` is one of Lambda's SQS events.

    Runs of an earlier delivery are left alone. One run that cannot be created does not prevent the
    others. Raises ``Undeliverable`` for such runs, and ``StoreUnavailable``, after which the message has
    to come again. Requests per run: 3 as ``create_run``, 5 for one that is there already.
    """
    try:
        events = events_of(record)
    except UpdraftError as error:
        raise Undeliverable([error]) from error
    refusals: list[UpdraftError] = []
    for event in events:
        wanted = wanted_runs(event, declarations)
        if not wanted and isinstance(event, SqsMessage):
            refusals.append(NothingDeclared())
        elif not wanted:  # a rule or a subscription lets more through, or is no longer declared
            log.info("no declaration fits the %s (%s)", event.description, event.identity)
        for each in wanted:
            refusals.extend(_refusals(engine, each))
    if refusals:
        raise Undeliverable(refusals)


def check_dags(engine: Engine, declarations: Sequence[Declaration]) -> None:
    """Raise a ``DeclarationError`` that names the entries whose DAG cannot be triggered now.

    1 request per DAG.
    """
    known = {dag_id: _is_known(engine, dag_id) for dag_id in {each.dag_id for each in declarations}}
    unknown = [each.label for each in declarations if not known[each.dag_id]]
    if unknown:
        raise DeclarationError(f"No such DAG is known: {'; '.join(unknown)}")


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
        log.warning("%s: %s", wanted.declaration.label, error, extra={"dag_id": wanted.declaration.dag_id})
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


def _exists(engine: Engine, dag_id: str, run_id: str) -> bool:
    run = engine.store.dag_runs.get_by_run_id(dag_id, run_id)
    dag = engine.store.dags.get(dag_id) if run else None
    return run is not None and dag is not None and sees(dag, run)
