"""Graphs of DAG versions, built once per process: versions are immutable."""

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.graph import Graph
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType, RunFacts
from chalicelib.engine.engine import Engine

_CACHE_SIZE = 256


class VersionMissing(UpdraftError):
    """A DAG or a run names a version that is not kept; a version is kept before anything names it."""

    code = "version_missing"


def graph_of_run(engine: Engine, run: DagRun | RunFacts) -> Graph:
    """The graph of a run: of its DAG version, without the tasks whose own dates exclude the run.

    Raises ``VersionMissing``.
    """
    graph = graph_of(engine, run.ref.dag_id, run.ref.version)
    return graph.within(run.ref.execution_date, is_backfill=run.run_type is DagRunType.BACKFILL)


def graph_of(engine: Engine, dag_id: str, version: str) -> Graph:
    """The graph of a DAG version; raises ``VersionMissing``."""
    graph = engine.graphs.get((dag_id, version))
    if graph is not None:
        return graph
    found = engine.store.dags.version(dag_id, version)
    if found is None:
        raise VersionMissing(f"version {version} of DAG {dag_id} is not kept")
    if len(engine.graphs) >= _CACHE_SIZE:
        engine.graphs.pop(next(iter(engine.graphs)), None)
    graph = graph_from_document(found.document)
    engine.graphs[dag_id, version] = graph
    return graph
