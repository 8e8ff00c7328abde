"""Airflow's configuration as the command line reads it, in Airflow's order.

For each option: ``AIRFLOW__SECTION__OPTION``, ``AIRFLOW__SECTION__OPTION_CMD`` (a command that prints it),
then ``option`` and ``option_cmd`` of ``airflow.cfg``, then the default. Commands only where Airflow allows
them, and for ``[cli] endpoint_url``, which may hold a password. ``%%`` in the file is a ``%``; ``~`` and
``$NAME`` are expanded.
"""

import os
import shlex
import subprocess
from collections.abc import Mapping
from configparser import ConfigParser, InterpolationError
from configparser import Error as NotReadable
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import SettingError, Settings

LOCAL_CLIENT = "airflow.api.client.local_client"
JSON_CLIENT = "airflow.api.client.json_client"

Sections = Mapping[str, Mapping[str, str]]
"""Options by section, names in lower case as in the file."""

_DEFAULTS: Sections = {
    "core": {"dags_are_paused_at_creation": "True"},
    "cli": {"api_client": LOCAL_CLIENT, "endpoint_url": "http://localhost:8080"},
}
"""Airflow's own, of the options that mean something here."""

_MAY_BE_COMMANDS = frozenset(
    {
        ("atlas", "password"),
        ("celery", "broker_url"),
        ("celery", "flower_basic_auth"),
        ("celery", "result_backend"),
        ("cli", "endpoint_url"),
        ("core", "dataset_manager_kwargs"),
        ("core", "fernet_key"),
        ("core", "internal_api_secret_key"),
        ("core", "sql_alchemy_conn"),
        ("database", "sql_alchemy_conn"),
        ("database", "sql_alchemy_engine_args"),
        ("kubernetes", "git_password"),
        ("ldap", "bind_password"),
        ("logging", "remote_task_handler_kwargs"),
        ("secrets", "backend_kwargs"),
        ("sentry", "sentry_dsn"),
        ("smtp", "smtp_password"),
        ("smtp", "smtp_user"),
        ("webserver", "secret_key"),
        ("workers", "secrets_backend_kwargs"),
    }
)
"""Airflow's sensitive options, of 1.10 and 2.10, and ``[cli] endpoint_url``."""

_DEEPEST = 5
"""Variables within variables that are expanded; more is a circle, in which Airflow never ends."""

_SECONDS = 60.0
"""How long a command may take to print a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """What the environment, ``airflow.cfg`` and the defaults say, the first first."""

    layers: tuple[Sections, ...]

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Configuration":
        """Read the file and the environment; raises ``SettingError`` for a file that cannot be read.

        The file is ``AIRFLOW_CONFIG``, else ``airflow.cfg`` in ``AIRFLOW_HOME`` (default ``~/airflow``);
        it need not be there.
        """
        return cls(layers=(_of_environment(environ), _of_file(_path(environ)), _DEFAULTS))

    @property
    def sections(self) -> dict[str, dict[str, str]]:
        """All options that are set, as they are written: no command is run."""
        merged: dict[str, dict[str, str]] = {}
        for layer in reversed(self.layers):
            for section, options in layer.items():
                merged.setdefault(section, {}).update(options)
        return merged

    def get(self, section: str, option: str) -> str | None:
        """The value, None if nothing sets it; raises ``SettingError`` if its command fails."""
        section, option = section.lower(), option.lower()
        for layer in self.layers:
            options = layer.get(section, {})
            if option in options:
                return _expanded(options[option])
            command = options.get(f"{option}_cmd")
            if command and (section, option) in _MAY_BE_COMMANDS:
                return _printed_by(command, f"[{section}] {option}")
        return None

    def settings(self, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of the environment, else of the file, else the defaults; raises ``SettingError``.

        Where secrets are kept the environment says alone: the file's backend is that of another Airflow.
        """
        named = {
            f"AIRFLOW__{section.upper()}__{option.upper()}": _expanded(value)
            for section, options in self.sections.items()
            if section != "secrets"
            for option, value in options.items()
        }
        return Settings.from_environ({**environ, **named})


def _path(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return Path(environ.get("AIRFLOW_CONFIG") or home / "airflow.cfg").expanduser()


def _of_file(path: Path) -> Sections:
    if not path.is_file():
        return {}
    parser = ConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError, NotReadable) as error:
        raise SettingError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return {
        section.lower(): {
            option: _interpolated(parser, section, option) for option in parser.options(section)
        }
        for section in parser.sections()
    }


def _interpolated(parser: ConfigParser, section: str, option: str) -> str:
    """Airflow's ``%%`` is one ``%``; a bare one, which stops Airflow, is left as it is."""
    try:
        return parser.get(section, option)
    except InterpolationError:
        return parser.get(section, option, raw=True)


def _of_environment(environ: Mapping[str, str]) -> Sections:
    sections: dict[str, dict[str, str]] = {}
    for name, value in environ.items():
        match name.split("__", 2):
            case ["AIRFLOW", section, option] if section and option:
                sections.setdefault(section.lower(), {})[option.lower()] = value
    return sections


def _expanded(value: str) -> str:
    """Airflow's rule: variables and home directories, and what they hold in turn."""
    for _ in range(_DEEPEST):
        value = os.path.expanduser(os.path.expandvars(value))
    return value


def _printed_by(command: str, option: str) -> str:
    """What a command prints, which is a secret and so in no error; raises ``SettingError``."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own setting, run as Airflow runs it
            shlex.split(command), capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SettingError(f"The command for {option} cannot be run: {type(error).__name__}") from None
    if done.returncode:
        raise SettingError(f"The command for {option} ended with exit code {done.returncode}")
    return done.stdout.strip()
