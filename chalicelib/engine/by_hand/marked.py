"""``marked_by``: what is to be cleared in other DAGs along with tasks of a run, by their marks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.domain.errors import DagNotFound, InvalidRequest
from chalicelib.domain.graph.marks import Mark
from chalicelib.domain.plans.by_hand import Choice, chosen
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.by_hand.clearing import ClearRequest
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of_run
from chalicelib.engine.lookup import find_dag_with_run


def marked_by(engine: Engine, run: DagRun, choice: Choice) -> list[ClearRequest]:
    """The clears that go along with one of that run, each once, through all DAGs that are marked.

    Runs and tasks that are not there are left out, as in Airflow. Raises ``InvalidRequest`` beyond the
    recursion depth of the first mark, and for a date that is none. No request unless the DAG has marks.
    """
    found: dict[tuple[str, str, datetime], ClearRequest] = {}
    _follow(engine, run, choice, found, None)
    return list(found.values())


def _follow(
    engine: Engine,
    run: DagRun,
    choice: Choice,
    found: dict[tuple[str, str, datetime], ClearRequest],
    depth: int | None,
) -> None:
    for item, marked in _marks(engine, run, choice):
        left = marked.recursion_depth if depth is None else depth
        date = marked.execution_date or run.execution_date
        name = (marked.dag_id, marked.task_id, date)
        if name in found:
            continue
        if left < 1:
            raise InvalidRequest(
                f"Maximum recursion depth {marked.recursion_depth} reached for ExternalTaskMarker "
                f"{item.task_id}. Attempted to clear too many tasks or there may be a cyclic dependency."
            )
        other = _run_at(engine, marked.dag_id, date)
        if other is None or marked.task_id not in graph_of_run(engine, other).tasks:
            continue
        of_other = Choice(task_ids=(marked.task_id,), downstream=True)
        found[name] = ClearRequest(dag_id=marked.dag_id, execution_date=date, choice=of_other)
        _follow(engine, other, of_other, found, left - 1)


def _marks(engine: Engine, run: DagRun, choice: Choice) -> Iterator[tuple[TaskInstance, Mark]]:
    """The chosen task instances that mark something, with what they mark."""
    graph = graph_of_run(engine, run)
    if not any(task.mark for task in graph.tasks.values()):
        return
    for item in chosen(graph, engine.items(run.run_uid), choice):
        mark = graph.tasks[item.task_id].mark
        if mark is not None and mark.xcom_key is not None:
            mark = _rendered(engine, item, mark, mark.xcom_key)
        if mark is not None:
            yield item, mark


def _rendered(engine: Engine, item: TaskInstance, mark: Mark, key: str) -> Mark | None:
    """What the run has kept of a mark; None if the task has not run."""
    text = engine.store.xcoms.pull(item.run_uid, item.task_id, item.map_index, key)
    if text is None:
        return None
    kept = json.loads(text)
    try:
        date = datetime.fromisoformat(kept["execution_date"])
    except ValueError:
        raise InvalidRequest(
            f"{item.task_id} marks the execution date {kept['execution_date']!r}, which is no ISO date"
        ) from None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return replace(mark, dag_id=kept["dag_id"], task_id=kept["task_id"], execution_date=aware.astimezone(UTC))


def _run_at(engine: Engine, dag_id: str, date: datetime) -> DagRun | None:
    try:
        return find_dag_with_run(engine, dag_id, date)[1]
    except DagNotFound:
        return None
