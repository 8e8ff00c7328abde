"""The Fernet key of the local server, made once and kept in its state folder."""

import os
from pathlib import Path

from chalicelib.deploy.provisioning.fernet_key import new_fernet_key

FILE = "fernet.key"
"""Its name in the folder: keys with commas between, the first of which encrypts."""

VARIABLE = "AIRFLOW__CORE__FERNET_KEY"
"""How a function of the server, or a command for it, is given the keys."""


def kept_fernet_key(folder: Path, wanted: str = "") -> str:
    """The keys that the folder keeps; without any, one is made.

    ``wanted`` are keys of the user's, with commas between: they come first from now on. Those that were there
    stay behind them, for what they have encrypted. May raise ``OSError``.
    """
    path = folder / FILE
    kept = _keys(path.read_text()) if path.is_file() else []
    keys = list(dict.fromkeys([*_keys(wanted), *kept])) or [new_fernet_key()]
    if keys != kept:
        _write(path, ",".join(keys))
    return ",".join(keys)


def _keys(text: str) -> list[str]:
    return [key.strip() for key in text.split(",") if key.strip()]


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
