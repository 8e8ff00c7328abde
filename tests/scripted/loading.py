"""DAG files of a folder, loaded in the process of the test."""

from dataclasses import dataclass
from pathlib import Path

from chalicelib.authoring.loading.loader import ImportFailure, LoadedFile, dag_files, load_files
from chalicelib.authoring.model.dag import DAG


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedFolder:
    """All DAG files of a folder, by path."""

    files: tuple[LoadedFile, ...]
    failures: tuple[ImportFailure, ...]

    @property
    def dags(self) -> dict[str, DAG]:
        """The DAGs by id."""
        return {dag.dag_id: dag for file in self.files for dag in file.dags}


def load_folder(folder: Path) -> LoadedFolder:
    """Load all DAG files of a folder, as the process that makes documents does."""
    loaded = list(load_files(folder, dag_files(folder.absolute())))
    return LoadedFolder(
        files=tuple(each for each in loaded if isinstance(each, LoadedFile)),
        failures=tuple(each for each in loaded if isinstance(each, ImportFailure)),
    )
