"""The reasons why a run or a task does not run: the checks that decide about it, as they come out now."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.graph.graph import NOT_MAPPED, Graph, Task
from chalicelib.domain.plans import checks
from chalicelib.domain.plans.checks import Check
from chalicelib.domain.plans.giving_way import GiveWay
from chalicelib.domain.plans.steps import judged
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag
from chalicelib.domain.slots.limits import Limit
from chalicelib.domain.states import DagRunState
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine import lookup
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import graph_of, graph_of_run
from chalicelib.engine.reading import queries
from chalicelib.engine.runs import giving_way
from chalicelib.engine.tasks import past


def why_run(engine: Engine, dag_id: str, execution_date: datetime) -> list[Check]:
    """The checks between an unfinished run and its end; empty for a run that is over.

    Raises ``DagNotFound``, ``DagRunNotFound``.
    """
    dag, run = lookup.get_dag_with_run(engine, dag_id, execution_date)
    if run.state.is_final:
        return []
    found = _before_tasks(engine, dag, run)
    if run.state is DagRunState.QUEUED:
        return found
    graph = graph_of_run(engine, run)
    return [*found, checks.unfinished_tasks(graph, engine.items(run.run_uid))]


def what_holds_back(engine: Engine, dag_id: str, execution_date: datetime) -> list[Check]:
    """The checks that a run as a whole does not pass; empty for one that is over, or whose tasks may run.

    Raises ``DagNotFound``, ``DagRunNotFound``.
    """
    dag, run = lookup.get_dag_with_run(engine, dag_id, execution_date)
    if run.state.is_final:
        return []
    return [check for check in _before_tasks(engine, dag, run) if not check.passed]


def _before_tasks(engine: Engine, dag: Dag, run: DagRun) -> list[Check]:
    """The checks between an unfinished run and its tasks."""
    found = [
        checks.dag_not_paused(dag, run.run_type),
        checks.execution_date_reached(run.execution_date, engine.now()),
    ]
    limit = graph_of(engine, dag.dag_id, dag.version).active_runs
    if limit and run.state is DagRunState.QUEUED:
        place = _under(engine, limit)
        found += [place] if place.passed else [place, *_of_later_runs(engine, run)]
    return found


def _of_later_runs(engine: Engine, run: DagRun) -> Iterator[Check]:
    """The checks whether a run gives way that follows this one, which waits for a place."""
    for later, step in giving_way.steps_of_later_runs(engine, run):
        gives_way = isinstance(step, GiveWay)
        yield checks.later_run_gives_way(later.run_id, gives_way=gives_way, reason=step.reason)


def why_task(
    engine: Engine, dag_id: str, execution_date: datetime, task_id: str, map_index: int = NOT_MAPPED
) -> list[Check]:
    """The checks between an unfinished task instance and its next try; empty for one that has ended.

    Raises ``DagNotFound``, ``TaskNotFound``, ``DagRunNotFound``, ``TaskInstanceNotFound``.
    """
    run, task, item = queries.get_task_instance(engine, dag_id, execution_date, task_id, map_index)
    if item.state is not None and item.state.is_final:
        return []
    dag = lookup.get_dag(engine, dag_id)
    return [*_of_task(engine, dag, run, task, item)]


def _of_task(engine: Engine, dag: Dag, run: DagRun, task: Task, item: TaskInstance) -> Iterator[Check]:
    graph = graph_of_run(engine, run)
    yield checks.dag_not_paused(dag, run.run_type)
    yield checks.dag_run_running(run)
    yield checks.task_state(item)
    if not checks.task_state(item).passed:
        return
    yield _trigger_rule(engine, graph, task, item)
    yield checks.previous_run(past.states_in_previous_run(engine, graph, run.ref, task))
    yield checks.not_in_retry_period(item, engine.now())
    for limit in task.limits_in(run.run_uid):
        yield _under(engine, limit)
    pool = engine.store.pools.get(task.pool)
    shards = engine.store.pools.shards(task.pool)
    yield checks.pool_slots_available(task, shards, unlimited=pool is not None and pool.is_unlimited)


def _trigger_rule(engine: Engine, graph: Graph, task: Task, item: TaskInstance) -> Check:
    if item.map_index == NOT_MAPPED:
        whole, own = item, []
    else:
        whole = engine.instance(item.run_uid, task.task_id)
        own = checks.not_ended(graph.join_before_instance(task, item.map_index), item.notes)
    common = checks.not_ended(graph.join_before(task.task_id), whole.notes)
    return checks.trigger_rule(judged(graph, task, item, whole), [*common, *own])


def _under(engine: Engine, limit: Limit) -> Check:
    return checks.under_limit(limit, engine.store.pools.shards(limit.pool))
