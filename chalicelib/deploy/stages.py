"""A stage as ``.chalice/config.json`` describes it."""

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from chalicelib.deploy.description.functions import API_HANDLER, HANDLERS, WORKER
from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import APP_NAME, Settings

LOCAL = "local"

_FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"

CONFIG = ".chalice/config.json"

_NAME = re.compile(r"[a-z0-9-]{1,20}")
"""Part of the names of buckets and functions, and of EventBridge rules, which leave 32 characters for it."""

_OURS = ("AIRFLOW__", "AIRFLOW_VAR_", "AIRFLOW_CONN_", "UPDRAFT__", "KRB5_KTNAME")
"""How the variables begin that ``Settings`` and DAG files read."""


class StageError(UpdraftError):
    """The stage cannot be deployed as it is described; the text says what to change."""

    code: ClassVar[str] = "invalid_stage"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of a project."""

    name: str
    project: Path
    """The directory that holds ``app.py``."""
    variables: Mapping[str, str]
    """The environment variables of the stage's functions."""
    settings: Settings
    """The settings in ``variables`` alone, with paths of this checkout."""


def read_stage(project: Path, name: str) -> Stage:
    """Read the stage; raises ``StageError``, and ``SettingError`` for a value that cannot be used."""
    if name == LOCAL:
        raise StageError("The stage local is the local server's ('make run'); deploy another one")
    config = json.loads((project / ".chalice" / "config.json").read_text())
    stages = config.get("stages", {})
    if name not in stages:
        known = ", ".join(sorted(set(stages) - {LOCAL}))
        wrong = f"There is no stage {name}" if name else "Name a stage"
        raise StageError(f"{wrong}: .chalice/config.json has {known}")
    _check_name(name)
    variables = _variables(config, name)
    refuse_other_than_texts(variables)
    settings = Settings.from_environ(variables)
    if settings.stage != name:
        raise StageError(
            f"UPDRAFT__AWS__STAGE is {settings.stage!r} in the environment_variables of stage {name} in "
            f".chalice/config.json; it has to be {name!r}"
        )
    for other in sorted(set(stages) - {LOCAL, name}):
        if _bucket(_variables(config, other), other) == settings.bucket:
            raise StageError(
                f"Stages {name} and {other} have the same bucket, {settings.bucket}, where their logs would "
                "mix: set UPDRAFT__AWS__BUCKET for each in .chalice/config.json"
            )
    return Stage(name=name, project=project, variables=variables, settings=_in_checkout(settings, project))


def refuse_other_than_texts(variables: Mapping[str, object]) -> None:
    """Raise ``StageError`` for a variable that is a number, say, which AWS does not take."""
    for name, value in variables.items():
        if not isinstance(value, str):
            raise StageError(
                f"{name} is {json.dumps(value)} among the environment_variables in {CONFIG}; a variable "
                "takes a text, in quotes"
            )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise StageError(f"{name} is no name for a stage: up to 20 of a-z, 0-9 and -")
    stage, _, handler = name.rpartition("-")
    if stage and handler in HANDLERS and handler != API_HANDLER:  # whose function has the stage's name alone
        raise StageError(
            f"{name} is no name for a stage: its REST API's function, {APP_NAME}-{name}, would have the name "
            f"of the {handler} of a stage {stage}"
        )


def function_setting(stage: Stage, handler: str, name: str) -> Any:
    """A setting of a function, from where Chalice looks for it, in its order; None where it is not set.

    The worker's time is none of Chalice's: the stage's settings have it.
    """
    if (handler, name) == (WORKER, "lambda_timeout"):
        return stage.settings.worker_timeout
    return next((place[name] for place in _places(stage, handler) if name in place), None)


def function_variables(stage: Stage, handler: str) -> dict[str, str]:
    """The environment variables that Chalice gives a function: those of the stage, and any of its own."""
    merged: dict[str, str] = {}
    for place in reversed(_places(stage, handler)):
        merged |= place.get("environment_variables", {})
    return merged


def stage_setting(stage: Stage, name: str) -> Any:
    """A setting that all functions of a stage share, as Chalice looks for it; None where it is not set."""
    config = json.loads((stage.project / ".chalice" / "config.json").read_text())
    return next((place[name] for place in (config["stages"][stage.name], config) if name in place), None)


def architecture(stage: Stage) -> str:
    """The machine of the stage's functions, ``x86_64`` or ``arm64``; raises ``StageError`` for another."""
    name = stage_setting(stage, "lambda_architecture") or "x86_64"  # Chalice's default
    if name not in ("x86_64", "arm64"):
        raise StageError(f"lambda_architecture in .chalice/config.json is {name!r}; it takes x86_64 or arm64")
    return str(name)


def refuse_second_worker_time(stage: Stage) -> None:
    """Raise ``StageError`` if ``.chalice/config.json`` gives the worker a time beside the setting for it."""
    config = json.loads((stage.project / ".chalice" / "config.json").read_text())
    for functions in (config, config["stages"][stage.name]):
        if "lambda_timeout" in functions.get("lambda_functions", {}).get(WORKER, {}):
            raise StageError(
                "lambda_timeout of the worker in .chalice/config.json has no effect: take it out, and set "
                "UPDRAFT__WORKER__TIMEOUT in the environment_variables of the stage"
            )


def refuse_readable_fernet_key(stage: Stage) -> None:
    """Raise ``StageError`` if ``.chalice/config.json`` has the key that encrypts the secrets of connections.

    Whoever may look at a function could read it there.
    """
    for handler in HANDLERS:
        if any(name.startswith(_FERNET_KEY) for name in function_variables(stage, handler)):
            raise StageError(
                f"{_FERNET_KEY} must not be in environment_variables, where many can read it: deploy makes a "
                f"key in the parameter {stage.settings.fernet_key_parameter} of Systems Manager. A key of "
                "your own goes there before, as a SecureString"
            )


def _places(stage: Stage, handler: str) -> tuple[dict[str, Any], ...]:
    """Where Chalice looks for a setting of a function, what counts most first."""
    config = json.loads((stage.project / ".chalice" / "config.json").read_text())
    of_stage = config["stages"][stage.name]
    return (
        of_stage.get("lambda_functions", {}).get(handler, {}),
        of_stage,
        config.get("lambda_functions", {}).get(handler, {}),
        config,
    )


def _variables(config: dict[str, Any], stage: str) -> dict[str, str]:
    variables: dict[str, str] = config.get("environment_variables", {})
    own: dict[str, str] = config["stages"][stage].get("environment_variables", {})
    return variables | own


def _bucket(variables: Mapping[str, str], stage: str) -> str:
    """The bucket of a stage whose other settings may be wrong: it is not the one that is deployed."""
    return variables.get("UPDRAFT__AWS__BUCKET", f"{APP_NAME}-{stage}-bucket")


def enter(stage: Stage, environ: MutableMapping[str, str]) -> None:
    """Make the settings of an environment the stage's, none of the developer's own among them.

    Chalice adds a stage's variables to those that are there: an ``AIRFLOW__API__AUTH_BACKEND`` exported for
    the local server would otherwise decide whether a deployed API has an authorizer.
    """
    for name in [name for name in environ if name.startswith(_OURS)]:
        del environ[name]
    environ.update(stage.variables)


def _in_checkout(settings: Settings, project: Path) -> Settings:
    """Paths of a function are relative to where ``app.py`` is, there as here."""
    events_file = settings.events_file
    return replace(
        settings,
        dags_folder=project / settings.dags_folder,
        events_file=project / events_file if events_file else None,
    )
