"""Questions about DAGs, runs, tasks and task instances."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chalicelib.domain.errors import TaskInstanceNotFound, TaskLogNotFound
from chalicelib.domain.graph.graph import NOT_MAPPED, Task
from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, DagImportError, DagVersion, LatestRun
from chalicelib.domain.tasks.keys import instance_name
from chalicelib.domain.tasks.run_items import map_indexes
from chalicelib.domain.tasks.task_instances import TaskInstance
from chalicelib.engine.engine import Engine
from chalicelib.engine.graphs import VersionMissing, graph_of, graph_of_run
from chalicelib.engine.lookup import existing_run, find_dag_with_run, get_dag, get_dag_run


def get_code(engine: Engine, dag_id: str) -> str:
    """The text of the file that defines the DAG, as it was last loaded; raises ``DagNotFound``.

    1 request when warm, 1 more for a version that this process has not read before.
    """
    return get_version(engine, get_dag(engine, dag_id)).code


def get_version(engine: Engine, dag: Dag) -> DagVersion:
    """The present version of a DAG; raises ``VersionMissing``. 1 request for one not read before."""
    version = engine.store.dags.version(dag.dag_id, dag.version)
    if version is None:
        raise VersionMissing(f"version {dag.version} of DAG {dag.dag_id} is not kept")
    return version


def import_errors(engine: Engine) -> Sequence[DagImportError]:
    """The files that could not be loaded, and those with a DAG whose own timetable failed; by name.

    2 requests, and 1 per further MB.
    """
    of_timetables = (
        DagImportError(
            filename=dag.fileloc,
            stacktrace=f"the timetable of {dag.dag_id} failed: {dag.planning_error}",
            timestamp=engine.now(),
        )
        for dag in engine.store.dags.list()
        if dag.planning_error and dag.is_active
    )
    found = [*engine.store.dags.import_errors(), *of_timetables]
    return sorted(found, key=lambda error: (error.filename, error.stacktrace))


def latest_runs(engine: Engine) -> Iterator[tuple[str, LatestRun]]:
    """(DAG id, the run of the greatest execution date) of each DAG with runs. 1 request per MB of DAGs."""
    return ((dag.dag_id, dag.latest_run) for dag in engine.store.dags.list() if dag.latest_run)


def get_lineage(
    engine: Engine, dag_id: str, execution_date: datetime
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """(task id, inlets, outlets) of each task of a run that has some, as serialized texts.

    Of a mapped task they are those of one instance: Airflow's that ended first, here that of the lowest map
    index. Raises ``DagNotFound``, ``DagRunNotFound`` at once. 2 requests, and 1 per MB.
    """
    run = get_dag_run(engine, dag_id, execution_date)
    by_index = sorted(engine.store.lineage.list(run.run_uid), key=lambda entry: entry[:2])
    found: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
    for task_id, _, inlets, outlets in by_index:
        lower = found.get(task_id, ((), ()))
        found[task_id] = (lower[0] or inlets, lower[1] or outlets)
    return ((task_id, *kinds) for task_id, kinds in found.items())


def get_task(engine: Engine, dag_id: str, task_id: str) -> Task:
    """A task of the DAG's present version; raises ``DagNotFound``, ``TaskNotFound``. 1 request when warm."""
    dag = get_dag(engine, dag_id)
    return graph_of(engine, dag_id, dag.version).task(task_id)


def get_task_of_run(engine: Engine, run: DagRun, task_id: str) -> Task:
    """A task of a run; raises ``TaskNotFound``, ``TaskInstanceNotFound`` if its own dates exclude the run."""
    graph_of(engine, run.dag_id, run.version).task(task_id)
    task = graph_of_run(engine, run).tasks.get(task_id)
    if task is None:
        raise TaskInstanceNotFound(task_id, str(run.execution_date))
    return task


def get_task_instance(
    engine: Engine, dag_id: str, execution_date: datetime, task_id: str, map_index: int = NOT_MAPPED
) -> tuple[DagRun, Task, TaskInstance]:
    """A task instance with its run and task; one that nothing touched yet has no state.

    Raises, in Airflow's order, ``DagNotFound``, ``TaskNotFound``, ``DagRunNotFound``,
    ``TaskInstanceNotFound``: as in Airflow a mapped task has an instance without a map index until it is
    expanded. The task is looked for in the version that the run was made with. 2 requests when warm, 3
    for a map index that nothing has touched.
    """
    dag, run = find_dag_with_run(engine, dag_id, execution_date)
    if run is None:
        graph_of(engine, dag_id, dag.version).task(task_id)
    found = existing_run(run, dag_id, execution_date)
    task = get_task_of_run(engine, found, task_id)
    instance = engine.instance_of(found.run_uid, task, map_index)
    if not _exists(task, instance):
        raise TaskInstanceNotFound(instance_name(task_id, map_index), str(execution_date))
    return found, task, instance


def _exists(task: Task, instance: TaskInstance) -> bool:
    """Whether a run has a task instance, which was read as if it had."""
    if instance.map_index == NOT_MAPPED or task.expansion is None:
        return instance.map_index in map_indexes(task, instance)
    return instance.state is not None or instance.map_index in range(instance.map_length or 0)


def get_task_log(
    engine: Engine,
    dag_id: str,
    execution_date: datetime,
    task_id: str,
    try_number: int | None,
    map_index: int = NOT_MAPPED,
) -> bytes:
    """The log of a try (None: the last one begun) and of the callbacks after it, UTF-8.

    Raises ``TaskLogNotFound``, and what ``get_task_instance`` raises.
    """
    run, task, instance = get_task_instance(engine, dag_id, execution_date, task_id, map_index)
    number = try_number or instance.try_number
    if not 0 < number <= instance.try_number:
        which = f"has no try {number}" if number else "was not tried"
        raise TaskLogNotFound(f"Task {instance.name} {which} in run {run.run_id}{_why(instance)}")
    logs = engine.store.task_logs
    parts = [logs.read(run.ref, run.run_id, instance.key, number)]
    for kind in sorted(task.callbacks):
        parts.append(logs.read_callback(run.ref, run.run_id, instance.key, number, kind))
    kept = [part for part in parts if part is not None]
    if not kept:
        reason = _why(instance) if number == instance.try_number else ""
        raise TaskLogNotFound(f"Try {number} of task {instance.name} in run {run.run_id} left no log{reason}")
    return b"".join(kept)


def _why(instance: TaskInstance) -> str:
    return f": it is {instance.state}, {instance.reason}" if instance.reason else f": it is {instance.state}"
