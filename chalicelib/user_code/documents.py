"""``dags_of_folder``: the DAG files of a folder, loaded in this process, as documents for the engine."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.loading.loader import ImportFailure, LoadedFile, failure_of, load_folder
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.surroundings.connections import connections_in
from chalicelib.authoring.surroundings.secrets import secrets_from
from chalicelib.authoring.surroundings.variables import variables_in
from chalicelib.domain.connections import NO_CONNECTIONS, ConnectionsOfDagFiles
from chalicelib.domain.graph.document import graph_from_document
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.dags.sync import BrokenFile, DagDocument, DagsFolder

Documents = tuple[DagDocument, ...]
"""Those of one file."""


def dags_of_folder(
    folder: Path,
    variables: VariablesOfDagFiles,
    skip: Mapping[str, str] = MappingProxyType({}),
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> DagsFolder:
    """Load all DAG files of a folder; they find ``variables`` and ``connections``, and ``secrets`` before.

    ``skip`` names files that must not be loaded (they end the process that tries), with the reason why.
    A file whose DAGs are no use to the engine is broken, too: it hinders no other.
    """
    with (
        variables_in(variables),
        connections_in(connections),
        secrets_from(secrets),
        finder.importable(folder),
    ):
        loaded = load_folder(folder, skip)
        results = [documents_of(file, folder.absolute()) for file in loaded.files]
    failures = (*loaded.failures, *(result for result in results if isinstance(result, ImportFailure)))
    return DagsFolder(
        dags=tuple(dag for result in results if not isinstance(result, ImportFailure) for dag in result),
        broken=tuple(
            BrokenFile(filename=failure.filename, message=failure.message)
            for failure in sorted(failures, key=lambda failure: failure.filename)
        ),
    )


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
