"""``conf``: Airflow's options, as DAG files ask for them.

They come from the environment, under Airflow's names: ``AIRFLOW__SECTION__KEY``, or from the secrets backend,
where ``AIRFLOW__SECTION__KEY_SECRET`` says under which name.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.authoring.exceptions import AirflowConfigException
from chalicelib.authoring.notset import NOTSET
from chalicelib.authoring.surroundings.secrets import secret_option

_CONFIGURATION_DEFAULTS = {
    ("core", "dags_folder"): "dags",
    ("core", "default_timezone"): "utc",
    ("core", "executor"): "UpdraftExecutor",
    ("webserver", "base_url"): "http://localhost:8080",
}


Lookup = Callable[[str, str], str | None]
"""The value of an option by its section and name, None if it is not set."""


def of_environment(section: str, key: str) -> str | None:
    """The value of an option that the environment sets or leads to, or None.

    DAG files are not told the key that encrypts connections.
    """
    name = f"AIRFLOW__{section.upper()}__{key.upper()}"
    if name.startswith("AIRFLOW__CORE__FERNET_KEY"):
        return None
    value = os.environ.get(name)
    if value is None and (named := os.environ.get(f"{name}_SECRET")):
        return secret_option(named)
    return value


_lookup: Lookup = of_environment


def option(section: str, key: str) -> str | None:
    """The value of an option where this process finds them, None if it is not set."""
    return _lookup(section, key)


@contextmanager
def configured_by(lookup: Lookup) -> Iterator[None]:
    """Let DAG files find options there meanwhile, in place of the environment; in the whole process."""
    global _lookup
    before, _lookup = _lookup, lookup
    try:
        yield
    finally:
        _lookup = before


class Configuration:
    """Airflow's configuration: what the environment sets, unless ``configured_by`` names another source."""

    def get(self, section: str, key: str, fallback: Any = NOTSET) -> Any:
        """The value; raises ``AirflowConfigException`` if it is not set and there is no fallback."""
        value = option(section, key)
        if value is not None:
            return value
        value = _CONFIGURATION_DEFAULTS.get((section.lower(), key.lower()))
        if value is not None:
            return value
        if fallback is NOTSET:
            raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")
        return fallback

    def getboolean(self, section: str, key: str, fallback: Any = NOTSET) -> bool:
        """The value as a bool."""
        text = str(self.get(section, key, fallback)).strip().lower()
        if text in {"t", "true", "1", "yes", "on"}:
            return True
        if text in {"f", "false", "0", "no", "off"}:
            return False
        raise AirflowConfigException(f"Failed to convert value to bool: [{section}/{key}] is {text!r}")

    def getint(self, section: str, key: str, fallback: Any = NOTSET) -> int:
        """The value as an int."""
        return int(self.get(section, key, fallback))

    def getfloat(self, section: str, key: str, fallback: Any = NOTSET) -> float:
        """The value as a float."""
        return float(self.get(section, key, fallback))


conf = Configuration()
