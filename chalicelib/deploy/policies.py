"""The policy files of a stage, read, filled in and put where Chalice reads them."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.policies import Policy, PolicyFileError, filled_in
from chalicelib.deploy.stages import Stage, function_setting
from chalicelib.deploy.standing import handlers_behind

FILLED_IN = "policies"
"""The folder in ``.chalice`` of policies that are filled in, in a folder for each stage."""


def policy_documents(stage: Stage, place: Place) -> Mapping[str, Policy]:
    """The policies of the stage's functions, by handler; of those that ``config.json`` names a file for.

    Raises ``PolicyFileError`` and ``SettingError``.
    """
    files = {
        handler: function_setting(stage, handler, "iam_policy_file")
        for handler in handlers_behind(stage.settings.auth_backend)
    }
    return {
        handler: filled_in(_read(stage.project / ".chalice" / file), stage.settings, place)
        for handler, file in files.items()
        if file is not None
    }


def write_policies(stage: Stage, place: Place) -> None:
    """Write the policies where ``policy_file`` says, and no others; raises as ``policy_documents`` does."""
    documents = policy_documents(stage, place)
    folder = stage.project / ".chalice" / FILLED_IN / stage.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for handler, document in documents.items():
        path = stage.project / ".chalice" / policy_file(stage.name, handler)
        path.write_text(json.dumps(document, indent=2) + "\n")


def written_policies(project: Path, stage: str) -> Iterator[str]:
    """The handlers whose policies ``write_policies`` has written."""
    return (path.stem for path in (project / ".chalice" / FILLED_IN / stage).glob("*.json"))


def policy_file(stage: str, handler: str) -> str:
    """Where a function's policy is once it is filled in, from ``.chalice``."""
    return f"{FILLED_IN}/{stage}/{handler}.json"


def _read(path: Path) -> Policy:
    try:
        policy = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise PolicyFileError(f"There is no policy file {path}, which .chalice/config.json names") from error
    except ValueError as error:
        raise PolicyFileError(f"The policy file {path} is no JSON: {error}") from error
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not isinstance(statements, list) or not all(isinstance(each, dict) for each in statements):
        raise PolicyFileError(f"The policy file {path} has no list of statements")
    return dict(policy)
