"""DAGs and runs found for a use case: as a client names them, or as a message does."""

from datetime import datetime

from chalicelib.domain.errors import DagNotFound, DagRunNotFound
from chalicelib.domain.runs.dag_runs import DagRun, RunRef
from chalicelib.domain.runs.dags import Dag, sees
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine

_LOOKED_AT = 10
"""Runs in which the previous successful one usually is."""


def find_run(engine: Engine, ref: RunRef) -> tuple[Dag, DagRun] | None:
    """The DAG and the run, unless the DAG was deleted or the run is not this one any more."""
    dag, run = engine.store.dag_runs.get_with_dag(ref.dag_id, ref.execution_date)
    if dag is None or run is None or dag.is_deleted or not sees(dag, run) or run.run_uid != ref.run_uid:
        return None
    return dag, run


def previous_success(engine: Engine, ref: RunRef) -> DagRun | None:
    """The DAG's last successful run of an earlier date, of whatever type; 1 request, or 1 per MB of runs."""
    earlier = engine.store.dag_runs.list(
        ref.dag_id, until=ref.execution_date, descending=True, expected=_LOOKED_AT
    )
    own = (run for run in earlier if run.execution_date < ref.execution_date)
    successful = (run for run in own if run.state is DagRunState.SUCCESS and run.generation == ref.generation)
    return next(successful, None)


def get_dag(engine: Engine, dag_id: str) -> Dag:
    """A DAG that is not deleted; raises ``DagNotFound``. 1 request."""
    return _present(dag_id, engine.store.dags.get(dag_id))


def get_dag_run(engine: Engine, dag_id: str, execution_date: datetime) -> DagRun:
    """The run at an instant; raises ``DagNotFound``, ``DagRunNotFound`` (naming the date as given).

    1 request.
    """
    return get_dag_with_run(engine, dag_id, execution_date)[1]


def get_dag_with_run(engine: Engine, dag_id: str, execution_date: datetime) -> tuple[Dag, DagRun]:
    """The DAG and its run at an instant; raises ``DagNotFound``, ``DagRunNotFound``. 1 request."""
    dag, run = find_dag_with_run(engine, dag_id, execution_date)
    return dag, existing_run(run, dag_id, execution_date)


def find_dag_with_run(engine: Engine, dag_id: str, execution_date: datetime) -> tuple[Dag, DagRun | None]:
    """The DAG and, if there is one, its run at an instant; raises ``DagNotFound``. 1 request."""
    dag, run = engine.store.dag_runs.get_with_dag(dag_id, execution_date)
    present = _present(dag_id, dag)
    return present, run if run is not None and sees(present, run) else None


def _present(dag_id: str, dag: Dag | None) -> Dag:
    if dag is None or dag.is_deleted:
        raise DagNotFound(dag_id)
    return dag


def existing_run(run: DagRun | None, dag_id: str, execution_date: datetime) -> DagRun:
    """The run, if it was found; raises ``DagRunNotFound``."""
    if run is None:
        raise DagRunNotFound(dag_id, str(execution_date))
    return run
