"""All of Airflow's import names that are offered: the tables of its packages, as one."""

from collections.abc import Sequence

from chalicelib.authoring.airflow_names import (
    core,
    models,
    operators,
    sdk,
    sensors,
    standard,
    timetables,
    utils,
)
from chalicelib.authoring.airflow_names.sources import Modules

MODULES: Modules = {
    **core.MODULES,
    **models.MODULES,
    **operators.MODULES,
    **sdk.MODULES,
    **sensors.MODULES,
    **standard.MODULES,
    **timetables.MODULES,
    **utils.MODULES,
}

PACKAGES = frozenset(
    name.rsplit(".", parts)[0] for name in MODULES for parts in range(1, name.count(".") + 1)
)
"""The modules above them, which need no rows of their own."""


def sources_of(module: str) -> list[tuple[str, str, str]]:
    """(name in Airflow or ``*``, module here, name here or empty) for each name a module offers."""
    return [source for text in MODULES.get(module, ()) for source in _sources(text)]


def _sources(text: str) -> Sequence[tuple[str, str, str]]:
    module, _, names = text.partition(":")
    here = (
        module.removeprefix("python.") if module.startswith("python.") else f"chalicelib.authoring.{module}"
    )
    return [_source(here, name) for name in names.split() or ["*"]]


def _source(module: str, name: str) -> tuple[str, str, str]:
    own, _, alias = name.partition("=")
    return alias or own, module, "" if own == "*" else own
