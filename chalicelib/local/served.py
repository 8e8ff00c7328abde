"""The settings that the local server was started with, left in its state folder for commands."""

import json
import os
from pathlib import Path

from chalicelib.local.state_folder import published_endpoint
from chalicelib.settings import Settings

_FILE = "served.json"


def publish_served(folder: Path, settings: Settings) -> None:
    """Leave word of the settings with which the server of this state folder starts."""
    facts = {
        "auth_backend": settings.auth_backend,
        "bucket": settings.bucket,
        "dags_folder": str(settings.dags_folder.absolute()),
    }
    fresh = folder / f"{_FILE}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(facts, file)
    fresh.replace(folder / _FILE)


def served_settings(folder: Path) -> dict[str, str] | None:
    """The settings that the running server of a state folder has left, by name; None where none runs.

    Raises ``ValueError`` where it has left none that can be read: it is of another version.
    """
    if published_endpoint(folder) is None:
        return None
    try:
        facts: dict[str, str] = json.loads((folder / _FILE).read_text())
    except OSError as error:
        raise ValueError(f"{_FILE} cannot be read: {error.strerror}") from error
    return facts
