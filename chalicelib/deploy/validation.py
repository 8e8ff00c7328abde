"""The checks of a checkout before a deployment changes anything.

Only a DAG file that reads a variable while it is loaded has the stage asked for it.
"""

from pathlib import Path

from chalicelib.auth.backends import without_credentials
from chalicelib.authoring.loading.loader import load_folder
from chalicelib.authoring.surroundings.variables import variables_in
from chalicelib.deploy.aws_limits import refuse_what_aws_would
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.rehearsal import RehearsedVariables
from chalicelib.deploy.stages import Stage, StageError, refuse_second_worker_time
from chalicelib.domain.variables import Variables
from chalicelib.events.declarations import Declaration, declarations_of

_PLUGINS_FOLDER = "AIRFLOW__CORE__PLUGINS_FOLDER"
_PACKAGED = ("chalicelib", "vendor")
"""The directories that Chalice packages, with ``app.py``."""


def validate(stage: Stage, variables: Variables, *, region: str | None = None) -> tuple[Declaration, ...]:
    """Check what would otherwise fail on the deployed stage, or halfway there; what events are declared.

    Loads the DAG files, with the stage's ``variables``, which stay as they are. ``region`` is where the
    stage goes, None where that is not known.

    Raises ``StageError`` for a worker's time that would not count, for paths that are not packaged, for DAG
    files that cannot be loaded and for what AWS would refuse; ``UnknownBackend``, ``PolicyFileError`` and
    ``DeclarationError``.
    """
    settings = stage.settings
    refuse_second_worker_time(stage)
    without_credentials(settings.auth_backend)
    policy_documents(stage, OF_THE_STACK)
    _is_packaged("AIRFLOW__CORE__DAGS_FOLDER", settings.dags_folder, stage)
    if plugins := stage.variables.get(_PLUGINS_FOLDER):
        _is_packaged(_PLUGINS_FOLDER, stage.project / plugins, stage)
    if settings.events_file:
        _is_packaged("UPDRAFT__EVENTS__FILE", settings.events_file, stage)
    declarations = declarations_of(settings)
    refuse_what_aws_would(stage, declarations, region)
    with variables_in(RehearsedVariables(variables)):
        failures = load_folder(settings.dags_folder).failures
    if failures:
        reasons = "; ".join(f"{failure.filename}: {_last_line(failure.message)}" for failure in failures)
        raise StageError(f"DAG files that cannot be loaded: {reasons}")
    return declarations


def _is_packaged(setting: str, path: Path, stage: Stage) -> None:
    if not path.exists():
        raise StageError(f"{setting} is {path}, which is not there; give it relative to app.py")
    if not any(path.resolve().is_relative_to((stage.project / each).resolve()) for each in _PACKAGED):
        raise StageError(f"{setting} is {path}; only what is in chalicelib/ or vendor/ is deployed")


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"
