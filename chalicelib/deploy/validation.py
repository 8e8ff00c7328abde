"""The checks of a checkout before a deployment changes anything.

Only a DAG file that reads a variable or a connection while it is loaded has the stage asked for it.
"""

from pathlib import Path

from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.aws_limits import refuse_what_aws_would
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.rehearsal import RehearsedConnections, RehearsedVariables
from chalicelib.deploy.stages import (
    Stage,
    StageError,
    refuse_readable_fernet_key,
    refuse_second_worker_time,
)
from chalicelib.domain.connections import NO_CONNECTIONS, ConnectionsOfDagFiles
from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.domain.variables import Variables
from chalicelib.events.declarations import Declaration, declarations_of
from chalicelib.user_code.documents_apart import dags_apart

_PLUGINS_FOLDER = "AIRFLOW__CORE__PLUGINS_FOLDER"
_PACKAGED = ("chalicelib", "vendor")
"""The directories that Chalice packages, with ``app.py``."""


def validate(
    stage: Stage,
    variables: Variables,
    *,
    connections: ConnectionsOfDagFiles = NO_CONNECTIONS,
    secrets: SecretsBackend | None = None,
    region: str | None = None,
) -> tuple[Declaration, ...]:
    """Check what would otherwise fail on the deployed stage, or halfway there; what events are declared.

    Loads the DAG files, with the stage's ``variables`` and ``connections``, which stay as they are, and its
    ``secrets``. ``region`` is where the stage goes, None where that is not known.

    Raises ``StageError`` for a worker's time that would not count, for a Fernet key in a function's
    environment, for paths that are not packaged, for DAG files that the deployment could not keep and for
    what AWS would refuse; ``UnknownBackend``, ``PolicyFileError`` and ``DeclarationError``.
    """
    settings = stage.settings
    refuse_second_worker_time(stage)
    refuse_readable_fernet_key(stage)
    without_credentials(settings.auth_backend)
    policy_documents(stage, OF_THE_STACK)
    _is_packaged("AIRFLOW__CORE__DAGS_FOLDER", settings.dags_folder, stage)
    if plugins := stage.variables.get(_PLUGINS_FOLDER):
        _is_packaged(_PLUGINS_FOLDER, stage.project / plugins, stage)
    if settings.events_file:
        _is_packaged("UPDRAFT__EVENTS__FILE", settings.events_file, stage)
    declarations = declarations_of(settings)
    refuse_what_aws_would(stage, declarations, region)
    folder = dags_apart(
        settings.dags_folder,
        variables=RehearsedVariables(variables),
        connections=RehearsedConnections(connections),
        secrets=secrets,
    )
    if folder.broken:
        reasons = "; ".join(f"{file.filename}: {_last_line(file.message)}" for file in folder.broken)
        raise StageError(f"DAG files that cannot be loaded: {reasons}")
    return declarations


def _is_packaged(setting: str, path: Path, stage: Stage) -> None:
    if not path.exists():
        raise StageError(f"{setting} is {path}, which is not there; give it relative to app.py")
    if not any(path.resolve().is_relative_to((stage.project / each).resolve()) for each in _PACKAGED):
        raise StageError(f"{setting} is {path}; only what is in chalicelib/ or vendor/ is deployed")


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"
