"""Graphs of DAG versions, built once per process: versions are immutable."""

from chalicelib.domain.errors import UpdraftError
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.graph.graph import Graph
from chalicelib.engine.engine import Engine

_CACHE_SIZE = 256


class VersionMissing(UpdraftError):
    """A DAG or a run names a version that is not kept; a version is kept before anything names it."""

    code = "version_missing"


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
