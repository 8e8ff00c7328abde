"""Modules of Airflow's provider packages: where they lie, and where names of Airflow 1.10 lead to.

Provider packages are installed packages like others, below ``airflow/providers`` of a folder on
``sys.path``. Their own ``airflow`` folder has no more in it, so it is found from here.
"""

import functools
import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from chalicelib.authoring.airflow_names.moved_to_providers import MOVED_TO_PROVIDERS
from chalicelib.authoring.airflow_names.renamed_in_providers import RENAMED_IN_PROVIDERS

PROVIDERS = "airflow.providers"

_OF_AIRFLOW = "airflow."

PARENTS_OF_MOVED = frozenset(
    f"{_OF_AIRFLOW}{name.rsplit('.', parts)[0]}"
    for name in MOVED_TO_PROVIDERS
    for parts in range(1, name.count(".") + 1)
)
"""The packages of Airflow 1.10 that modules moved from."""


_HAD_CLASSES = frozenset(
    {
        *("airflow.hooks", "airflow.operators", "airflow.sensors", "airflow.operators.sensors"),
        *("airflow.contrib.hooks", "airflow.contrib.operators", "airflow.contrib.sensors"),
    }
)
"""The packages that had all classes of their modules in Airflow 1.8 and before."""

_NAMED_OTHERWISE = {
    "SimpleHttpOperator": "operators.http_operator",
    "SlackAPIOperator": "operators.slack_operator",
    "SlackAPIPostOperator": "operators.slack_operator",
    "HiveCliHook": "hooks.hive_hooks",
    "HiveMetastoreHook": "hooks.hive_hooks",
    "HiveServer2Hook": "hooks.hive_hooks",
}
"""Classes whose modules of Airflow 1.10 are not called like them."""


def roots() -> list[str]:
    """The folders of provider packages on ``sys.path``: the path of ``airflow.providers``."""
    folders = (Path(entry or ".", "airflow", "providers") for entry in sys.path)
    return [str(folder) for folder in folders if folder.is_dir()]


def spec_of(fullname: str) -> ModuleSpec | None:
    """The spec of an installed module below ``airflow.providers``; None where there is none."""
    parent = fullname.rpartition(".")[0]
    return PathFinder.find_spec(fullname, list(_path_of(parent)))


def _path_of(package: str) -> Iterator[str]:
    """The folders in which the submodules of a package lie."""
    imported = sys.modules.get(package)
    if package != PROVIDERS and imported is not None and list(imported.__path__):
        yield from imported.__path__
        return
    below = package.removeprefix(PROVIDERS).lstrip(".").split(".")
    for root in roots():
        folder = Path(root, *below) if below != [""] else Path(root)
        if folder.is_dir():
            yield str(folder)


def moved_module(fullname: str) -> str | None:
    """The provider's module that a module of Airflow 1.10 became: ``airflow.contrib.hooks.aws_hook``."""
    target = MOVED_TO_PROVIDERS.get(fullname.removeprefix(_OF_AIRFLOW))
    return None if target is None else f"{PROVIDERS}.{target}"


def moved_name(module: str, name: str) -> tuple[str, str] | None:
    """The module and the name there that a name in such a module became."""
    target = moved_module(module)
    if target is None:
        return _moved_class(name) if module in _HAD_CLASSES and name[:1].isupper() else None
    renamed = RENAMED_IN_PROVIDERS.get(module.removeprefix(_OF_AIRFLOW), {}).get(name, name)
    elsewhere, _, new = renamed.rpartition(":")
    return (f"{PROVIDERS}.{elsewhere}" if elsewhere else target), new


def _moved_class(name: str) -> tuple[str, str] | None:
    """The same for a class of Airflow 1.8; None if no installed package has its module."""
    old = old_module_of_class(name)
    found = moved_name(f"{_OF_AIRFLOW}{old}", name) if old else None
    return found if found and spec_of(found[0]) else None


def old_module_of_class(name: str) -> str | None:
    """The module of Airflow 1.10, below ``airflow``, that had a class: by the name that both have."""
    return _NAMED_OTHERWISE.get(name) or _modules_by_class().get(name.lower())


@functools.cache
def _modules_by_class() -> Mapping[str, str]:
    """The modules by their own names as classes have them, in small letters."""
    return {module.rpartition(".")[2].replace("_", "").lower(): module for module in MOVED_TO_PROVIDERS}
