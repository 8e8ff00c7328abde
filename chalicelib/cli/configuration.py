"""Airflow's configuration as the command line reads it: ``AIRFLOW__…`` before ``airflow.cfg``."""

import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as NotReadable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import SettingError

LOCAL_CLIENT = "airflow.api.client.local_client"
JSON_CLIENT = "airflow.api.client.json_client"

_DEFAULTS = {
    "core": {"dags_are_paused_at_creation": "True"},
    "cli": {"api_client": LOCAL_CLIENT, "endpoint_url": "http://localhost:8080"},
}
"""Airflow's own, of the options that mean something here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """Options by section, names in lower case as in the file."""

    sections: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Configuration":
        """Read the file and the environment; raises ``SettingError`` for a file that cannot be read.

        The file is ``AIRFLOW_CONFIG``, else ``airflow.cfg`` in ``AIRFLOW_HOME`` (default ``~/airflow``);
        it need not be there.
        """
        sections = {section: dict(options) for section, options in _DEFAULTS.items()}
        for source in (_of_file(_path(environ)), _of_environment(environ)):
            for section, options in source.items():
                sections.setdefault(section, {}).update(options)
        return cls(sections=sections)

    def get(self, section: str, option: str) -> str | None:
        """The value, None if nothing sets it."""
        return self.sections.get(section.lower(), {}).get(option.lower())


def _path(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return Path(environ.get("AIRFLOW_CONFIG") or home / "airflow.cfg").expanduser()


def _of_file(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    parser = ConfigParser(interpolation=None)  # Airflow's values hold many a bare %
    try:
        parser.read_string(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError, NotReadable) as error:
        raise SettingError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return {name.lower(): dict(parser.items(name)) for name in parser.sections()}


def _of_environment(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    for name, value in environ.items():
        match name.split("__", 2):
            case ["AIRFLOW", section, option] if section and option:
                sections.setdefault(section.lower(), {})[option.lower()] = value
    return sections
