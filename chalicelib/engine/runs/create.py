"""The creation of a run: the one way in which a run comes to be (invariant I1)."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.errors import (
    DagNotFound,
    DagRunAlreadyExists,
    InvalidConf,
    InvalidRequest,
    StoreUnavailable,
    excerpt,
)
from chalicelib.domain.idempotency import IdempotencyKey, KeptAnswer
from chalicelib.domain.messages import StartRun
from chalicelib.domain.plans.repairs import SWEEP_INTERVAL
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, generated_run_id, new_id
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.schedule.timetables import DataInterval
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.once import Once, earlier_answer

log = logging.getLogger(__name__)

MAX_RUN_ID_LENGTH = 250
"""Airflow's column width."""

GENERATED_RUN_ID_PATTERN = (
    r"^(?:manual|scheduled|dataset_triggered)__(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00)$"
)
"""Airflow's built-in pattern, always allowed; its text is part of the refusal that clients see."""

_LONGEST_MATCHED = 1_000
"""Characters of a run id up to which a pattern is looked at: it is the operator's, and may take for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """A wish for a run."""

    dag_id: str
    execution_date: datetime
    """Aware; its offset is kept in a made-up run id and in error texts, as Airflow does."""
    triggered_by: str
    """Who or what asks."""
    run_id: str | None = None
    """None makes one up."""
    run_type: DagRunType = DagRunType.MANUAL
    external_trigger: bool = True
    is_undated: bool = False
    """Whether the date is only now, for the one who asks gave none."""
    data_interval: DataInterval | None = None
    """None: what the DAG's schedule makes of the date."""
    conf: dict[str, Any] = field(default_factory=dict)


def create_run(engine: Engine, request: RunRequest) -> DagRun:
    """Create a run, ``queued``, and send its first message.

    Raises ``DagNotFound`` (also while no deployed file defines the DAG), ``DagRunAlreadyExists`` (the
    instant or the run id is taken) and ``InvalidRequest`` (a run id that may not be, a date before the
    start date in default_args, a conf that the DAG's params refuse).
    Three DynamoDB requests and one message; for a DAG with params a fourth, once per version and process.
    Once the run exists it is announced at best effort: a message that could not be sent is made good by the
    tick.
    """
    return create_run_of(engine, dag_to_run(engine, request.dag_id), request)


def create_run_of(engine: Engine, dag: Dag, request: RunRequest) -> DagRun:
    """What ``create_run`` does, for a DAG that was just read; raises what it raises but ``DagNotFound``."""
    run = _wanted_run(engine, dag, request)
    _create(engine, request, run)
    return run


def dag_to_run(engine: Engine, dag_id: str) -> Dag:
    """The DAG, provided that it can be run; raises ``DagNotFound``. 1 request."""
    dag = engine.store.dags.get(dag_id)
    if dag is None or dag.is_deleted or not dag.is_active:
        raise DagNotFound(dag_id)
    return dag


def create_run_once(
    engine: Engine, request: RunRequest, key: IdempotencyKey, answer: Callable[[DagRun], str]
) -> Once[DagRun]:
    """Create a run as ``create_run`` does, unless that was done under this key: the first answer either way.

    ``answer`` makes it of the run. Raises what ``create_run`` raises, which is not remembered, and
    ``IdempotencyKeyReused``. As many requests as ``create_run``, and 1 more where it would have refused.
    """
    try:
        run = _wanted_run(engine, dag_to_run(engine, request.dag_id), request)
        kept = key.keeping(answer(run), run.queued_at)
        _create(engine, request, run, kept)
    except (DagNotFound, DagRunAlreadyExists, InvalidRequest):
        # What was granted once stays so, whatever became of the DAG and its runs.
        earlier = earlier_answer(engine, key)
        if earlier is None:
            raise
        return Once(answer=earlier)
    return Once(answer=kept.answer, made=run)


def _wanted_run(engine: Engine, dag: Dag, request: RunRequest) -> DagRun:
    """The run as it will be created."""
    if request.external_trigger:
        _check_start_date(dag, request.execution_date)
    run_id = request.run_id or generated_run_id(request.run_type, request.execution_date)
    _check_run_id(engine, dag, request, run_id)
    if request.run_type is DagRunType.MANUAL:
        _check_conf(engine, dag, request, run_id)
    return new_run(engine, dag, request, run_id)


def _create(engine: Engine, request: RunRequest, run: DagRun, kept: KeptAnswer | None = None) -> None:
    if not engine.store.dag_runs.create(run, run.queued_at + SWEEP_INTERVAL, kept):
        raise DagRunAlreadyExists(run.dag_id, str(request.execution_date), run.run_id)
    announce(engine, run)


def announce(engine: Engine, run: DagRun) -> None:
    """Send the first message of a run that was created, and show it as its DAG's latest; at best effort.

    2 requests.
    """
    # Telling the caller "failed" would make it trigger again and be refused as a duplicate.
    try:
        engine.send(StartRun(run=run.ref))
    except StoreUnavailable:
        log.warning("run %s of %s was created but not announced", run.run_id, run.dag_id, exc_info=True)
    try:
        engine.store.dags.set_latest_run(run)
    except StoreUnavailable:
        log.warning("run %s of %s is not shown as the latest", run.run_id, run.dag_id, exc_info=True)


def _check_start_date(dag: Dag, execution_date: datetime) -> None:
    earliest = dag.default_start_date
    if earliest is not None and execution_date < earliest:
        raise InvalidRequest(
            f"The execution_date [{execution_date.isoformat()}] should be >= start_date "
            f"[{earliest.isoformat()}] from DAG's default_args"
        )


def _check_run_id(engine: Engine, dag: Dag, request: RunRequest, run_id: str) -> None:
    pattern = engine.allowed_run_id_pattern
    is_allowed = request.run_id is None or len(run_id) > _LONGEST_MATCHED or _is_allowed(run_id, pattern)
    if is_allowed and len(run_id) <= MAX_RUN_ID_LENGTH:
        return
    _check_duplicate(engine, dag, request, run_id)
    if is_allowed:
        raise InvalidRequest(f"The run ID is {len(run_id)} characters long; at most {MAX_RUN_ID_LENGTH} fit")
    raise InvalidRequest(
        f"The provided run ID '{excerpt(run_id)}' is invalid. "
        f"It does not match either the configured pattern: '{pattern}' "
        f"or the built-in pattern: '{GENERATED_RUN_ID_PATTERN}'"
    )


def _check_duplicate(engine: Engine, dag: Dag, request: RunRequest, run_id: str) -> None:
    """Raise ``DagRunAlreadyExists`` before other refusals: Airflow looks for a duplicate first."""
    standing = engine.store.dag_runs.get(dag.dag_id, request.execution_date.astimezone(UTC))
    if standing is not None and standing.generation == dag.generation:
        raise DagRunAlreadyExists(dag.dag_id, str(request.execution_date), excerpt(run_id))


def _check_conf(engine: Engine, dag: Dag, request: RunRequest, run_id: str) -> None:
    refusal = refusal_of_conf(engine, dag, request.conf)
    if refusal is not None:
        _check_duplicate(engine, dag, request, run_id)
        raise InvalidConf(refusal)


def refusal_of_conf(engine: Engine, dag: Dag, conf: dict[str, Any]) -> str | None:
    """Why the DAG's params refuse a conf, in Airflow's words; None if they do not. At most 1 request."""
    if not dag.has_params:
        return None
    from chalicelib.domain.params import refusal_of, rules_of_document

    version = engine.store.dags.version(dag.dag_id, dag.version)
    return None if version is None else refusal_of(rules_of_document(version.document), conf)


def _is_allowed(run_id: str, pattern: str) -> bool:
    return any(re.fullmatch(allowed, run_id) for allowed in (pattern, GENERATED_RUN_ID_PATTERN))


def new_run(engine: Engine, dag: Dag, request: RunRequest, run_id: str, run_uid: str | None = None) -> DagRun:
    """The run of a request, queued now under that run id, and not kept yet; ``run_uid``: one is chosen."""
    now = engine.now()
    run_uid = run_uid or engine.new_uid()
    execution_date = request.execution_date.astimezone(UTC)
    data_interval = request.data_interval or dag.schedule.manual_interval(execution_date)
    return DagRun(
        dag_id=dag.dag_id,
        execution_date=execution_date,
        run_uid=run_uid,
        generation=dag.generation,
        version=dag.version,
        id=new_id(now, engine.entropy),
        run_id=run_id,
        run_type=request.run_type,
        state=DagRunState.QUEUED,
        external_trigger=request.external_trigger,
        is_undated=request.is_undated,
        triggered_by=request.triggered_by,
        conf=engine.store.payloads.keep(f"conf/{run_uid}.json", json.dumps(request.conf)),
        data_interval_start=data_interval.start,
        data_interval_end=data_interval.end,
        is_interval_owed=request.data_interval is None and dag.schedule.is_custom,
        queued_at=now,
        updated_at=now,
    )
