"""``installed_providers``: the provider packages that are installed, by what they say of themselves."""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from chalicelib.authoring.airflow_names import finder

log = logging.getLogger("airflow.providers_manager")

_GROUP = "apache_airflow_provider"
"""The entry points by which Airflow finds provider packages."""


class ProviderInfo(NamedTuple):
    """A provider package, by Airflow's name for what is known of one."""

    version: str
    """The version that is installed."""
    data: Mapping[str, Any]
    """What its ``get_provider_info`` gives: connection types, decorators, file systems …"""
    package_or_source: str = "package"
    """Airflow's word for where it was found."""


@cache
def installed_providers() -> Mapping[str, ProviderInfo]:
    """The installed provider packages by name, in the order of their names.

    Looked for once per process: packages are not installed while it runs. One that cannot tell of itself
    is passed over, with a warning.
    """
    return dict(sorted(_found()))


def _found() -> Iterator[tuple[str, ProviderInfo]]:
    for entry_point in entry_points(group=_GROUP):
        if entry_point.dist is None:
            continue
        info = _told_by(entry_point)
        if info is not None:
            name = str(info.get("package-name", entry_point.dist.name))
            yield name, ProviderInfo(version=entry_point.dist.version, data=info)


def _told_by(entry_point: EntryPoint) -> Mapping[str, Any] | None:
    try:
        with finder.importable():
            info = entry_point.load()()
    except Exception as error:  # code of others; the other packages are none the worse for it
        log.warning("The provider package of %s tells nothing of itself: %s", entry_point.value, error)
        return None
    return info if isinstance(info, Mapping) else None
