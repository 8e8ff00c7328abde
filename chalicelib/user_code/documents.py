"""``documents_of``: the DAGs of a loaded file as documents for the engine."""

import json
from pathlib import Path

from chalicelib.authoring.loading.loader import ImportFailure, LoadedFile, failure_of
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.engine.dags.sync import DagDocument

Documents = tuple[DagDocument, ...]
"""Those of one file."""


def documents_of(file: LoadedFile, folder: Path) -> Documents | ImportFailure:
    """The DAGs of a loaded file as documents; a failure where they are no use to the engine."""
    try:
        return tuple(_document(dag, file) for dag in file.dags)
    except BaseException as error:  # texts are made by the user's objects, which may raise anything
        return failure_of(error, file.filename, folder)


def _document(dag: DAG, file: LoadedFile) -> DagDocument:
    """The document of a DAG; raises where it is no JSON, or no graph can be made of it."""
    document = serialize(dag, file.filename)
    json.dumps(document)
    graph_from_document(document)
    return DagDocument(document=document, code=file.source)
