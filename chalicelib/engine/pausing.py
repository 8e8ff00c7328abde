"""Pausing and unpausing a DAG."""

from chalicelib.domain.errors import DagNotFound
from chalicelib.domain.messages import DagUnpaused, Outgoing
from chalicelib.engine.core import Engine


def set_paused(engine: Engine, dag_id: str, *, paused: bool, changed_by: str) -> None:
    """Pause (no further task starts; running ones end) or unpause (unfinished runs go on).

    Raises ``DagNotFound``. 1 request; 1 message when unpausing.
    """
    if not engine.store.dags.set_paused(dag_id, paused, changed_by):
        raise DagNotFound(dag_id)
    if not paused:
        engine.sender.send([Outgoing(message=DagUnpaused(dag_id=dag_id))])
