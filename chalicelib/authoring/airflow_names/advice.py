"""Advice on Airflow's names that are not offered: what to use instead, and what to install."""

import difflib
import functools
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from chalicelib.authoring.airflow_names.moved_to_providers import MOVED_TO_PROVIDERS
from chalicelib.authoring.airflow_names.not_offered import NOT_OFFERED
from chalicelib.authoring.airflow_names.provider_modules import old_module_of_class
from chalicelib.authoring.airflow_names.removed_from_providers import first_version_without
from chalicelib.authoring.airflow_names.tables import MODULES, PACKAGES, sources_of

_PROVIDERS = "airflow.providers."
_OF_AIRFLOW_3 = ("airflow.sdk", "airflow.providers.standard", "airflow.task.")
_ENDINGS_OF_AIRFLOW_1 = ("_operator", "_sensor", "_hook")

_FAMILIES = frozenset({"apache", "atlassian", "cncf", "common", "dbt", "microsoft"})
"""Names under which there are several provider packages."""


def advice_on(fullname: str) -> str:
    """What to use in place of a name of Airflow's (a module's or one in it); never empty."""
    if not fullname.startswith(_PROVIDERS):
        moved = _moved(fullname.removeprefix("airflow."))
        if moved:
            leaf = fullname.rpartition(".")[2]
            name = leaf if leaf[:1].isupper() else ""  # else it is a module that is asked for
            return f"Airflow 2 has it as {_PROVIDERS}{moved}, {_on_provider(moved, name)}"
    if fullname in NOT_OFFERED:
        return NOT_OFFERED[fullname]
    place = _place_of(fullname.rpartition(".")[2])
    if place:
        return f"import it from {place}"
    for name in _ways_up(fullname):
        if name in NOT_OFFERED:
            return NOT_OFFERED[name]
    if fullname.startswith(_PROVIDERS):
        return f"it is {_on_provider(fullname.removeprefix(_PROVIDERS))}"
    return _likeness(fullname)


def _place_of(name: str) -> str | None:
    """The module that offers a name, where one was asked for in another."""
    return _places().get(name)


@functools.cache
def _places() -> Mapping[str, str]:
    """The names of classes by the module that DAG files should have them from."""
    places: dict[str, str] = {}
    for module in sorted(MODULES, key=_by_preference):
        for name, _, _ in sources_of(module):
            if name[:1].isupper() and not name.isupper():
                places.setdefault(name, module)
    return places


def _by_preference(module: str) -> tuple[bool, bool, int]:
    """Modules of Airflow 2 come before those that only 1.10 or 3 has, and packages last."""
    is_of_another_age = module.startswith(_OF_AIRFLOW_3) or module.endswith(_ENDINGS_OF_AIRFLOW_1)
    return is_of_another_age, module in PACKAGES, len(module)


def _likeness(fullname: str) -> str:
    """The module that a module is taken for which is none."""
    alike = difflib.get_close_matches(fullname, MODULES, n=1, cutoff=0.9)
    return f"is {alike[0]} meant?" if alike else "no such name of Airflow's is known"


def package_of(provider_module: str) -> str:
    """The pip package of a module below ``airflow.providers``: ``apache-airflow-providers-apache-hive``."""
    return f"apache-airflow-providers-{_provider(provider_module).replace('.', '-')}"


def _provider(module: str) -> str:
    names = module.split(".")
    return ".".join(names[: 2 if names[0] in _FAMILIES else 1])


def advice_on_name(module: str, name: str) -> str:
    """What to do about a name that an installed module below ``airflow.providers`` lacks."""
    below = module.removeprefix(_PROVIDERS)
    return f"it is {_on_provider(below, name)}"


def _on_provider(module: str, name: str = "") -> str:
    package = package_of(module)
    try:
        installed = version(package)
    except PackageNotFoundError:
        return f"part of {package}: put it into requirements.txt in the DAGs folder"
    bound = first_version_without(f"{module}.{name}" if name else module)
    advice = "take another version" if bound is None else f"put {package}<{bound} into requirements.txt"
    return f"part of {package}, but not of {installed}, which is installed: {advice}"


def _moved(name: str) -> str | None:
    """The provider's module that a name of 1.10 went to; 1.x has classes in the packages, too."""
    by_module = (MOVED_TO_PROVIDERS[each] for each in _ways_up(name) if each in MOVED_TO_PROVIDERS)
    return next(by_module, MOVED_TO_PROVIDERS.get(old_module_of_class(name.rpartition(".")[2]) or ""))


def _ways_up(fullname: str) -> Iterator[str]:
    """The name, its parent and so on."""
    names = fullname.split(".")
    return (".".join(names[:length]) for length in range(len(names), 0, -1))
