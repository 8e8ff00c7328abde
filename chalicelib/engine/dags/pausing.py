"""The switch of a DAG: paused and unpaused."""

from chalicelib.domain.errors import DagNotFound
from chalicelib.domain.messages import DagUnpaused, Outgoing, ScheduleDag
from chalicelib.engine.engine import Engine


def set_paused(engine: Engine, dag_id: str, *, paused: bool, changed_by: str) -> None:
    """Pause (no further task starts; running ones end) or unpause (unfinished runs and the schedule go on).

    Raises ``DagNotFound``. 1 request; 1 message when unpausing, 2 for a DAG with a schedule.
    """
    dag = engine.store.dags.set_paused(dag_id, paused, changed_by, engine.now())
    if dag is None:
        raise DagNotFound(dag_id)
    if paused:
        return
    messages = [Outgoing(message=DagUnpaused(dag_id=dag_id))]
    if dag.schedule.is_automatic:
        messages.append(Outgoing(message=ScheduleDag(dag_id=dag_id, renew=True)))
    engine.sender.send(messages)
