"""The policy files of a stage's functions, read and filled in."""

import json
from collections.abc import Mapping
from pathlib import Path

from chalicelib.deploy.description.functions import handlers_behind
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.policies import Policy, PolicyFileError, filled_in
from chalicelib.deploy.stages import Stage, function_setting


def policy_documents(stage: Stage, place: Place) -> Mapping[str, Policy]:
    """The policies of the stage's functions that ``config.json`` names a file for, by handler.

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
