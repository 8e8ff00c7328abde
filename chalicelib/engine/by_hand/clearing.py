"""``clear_tasks``: tasks of a run, cleared so that they run again."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.plans.by_hand import Choice, chosen, clearing
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand import carry_out
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import get_dag_run


@dataclass(frozen=True, kw_only=True, slots=True)
class ClearRequest:
    """Which tasks of the run at that instant (aware) are to run again; a dry run only tells."""

    dag_id: str
    execution_date: datetime
    choice: Choice
    dry_run: bool = False


def clear_tasks(engine: Engine, request: ClearRequest) -> list[TaskInstance]:
    """Clear tasks of a run, which may be over or still run; the task instances as they were, in order.

    As in Airflow: a cleared task instance has no state and keeps its try number; it is granted its
    retries anew; tries that began stay as finished ones. A worker that runs one has lost its lease. A run
    that was over goes back to ``queued``. Other tasks of the run go on meanwhile.

    Raises ``DagNotFound``, ``DagRunNotFound``, ``TaskNotFound``; ``StoreUnavailable`` if nothing was
    done. 2 requests for a dry run when warm.
    """
    run = get_dag_run(engine, request.dag_id, request.execution_date)
    graph = graph_of_run(engine, run)
    items = engine.items(run.run_uid)
    found = chosen(graph, items, request.choice)
    if not items.is_empty and not request.dry_run:  # nothing can be cleared of a run that has not begun
        carry_out.alter(engine, run, clearing(graph, items, found))
    return found
