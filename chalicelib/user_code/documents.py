"""``dags_of_folder``: the DAG files of a folder, loaded in this process, as documents for the engine."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from chalicelib.authoring.loading.loader import load_folder
from chalicelib.authoring.loading.serialization import serialize
from chalicelib.authoring.surroundings.variables import variables_in
from chalicelib.domain.variables import VariablesOfDagFiles
from chalicelib.engine.dags.sync import BrokenFile, DagDocument, DagsFolder


def dags_of_folder(
    folder: Path, variables: VariablesOfDagFiles, skip: Mapping[str, str] = MappingProxyType({})
) -> DagsFolder:
    """Load all DAG files of a folder; ``variables`` are what they find while they are loaded.

    ``skip`` names files that must not be loaded (they end the process that tries), with the reason why.
    """
    with variables_in(variables):
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
