"""``dags_of_folder``: the DAG files of a folder, loaded in this process, as documents for the engine."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from chalicelib.authoring.loading.loader import load_folder
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.surroundings.connections import connections_in
from chalicelib.authoring.surroundings.secrets import secrets_from
from chalicelib.authoring.surroundings.variables import variables_in
from chalicelib.domain.connections import ConnectionsOfDagFiles, NoConnections
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.dags.sync import BrokenFile, DagDocument, DagsFolder

_NO_CONNECTIONS = NoConnections()


def dags_of_folder(
    folder: Path,
    variables: VariablesOfDagFiles,
    skip: Mapping[str, str] = MappingProxyType({}),
    *,
    connections: ConnectionsOfDagFiles = _NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
) -> DagsFolder:
    """Load all DAG files of a folder; they find ``variables`` and ``connections``, and ``secrets`` before.

    ``skip`` names files that must not be loaded (they end the process that tries), with the reason why.
    """
    with variables_in(variables), connections_in(connections), secrets_from(secrets):
        loaded = load_folder(folder, skip)
    return DagsFolder(
        dags=tuple(
            DagDocument(document=serialize(dag, file.filename), code=file.source)
            for file in loaded.files
            for dag in file.dags
        ),
        broken=tuple(
            BrokenFile(filename=failure.filename, message=failure.message) for failure in loaded.failures
        ),
    )
