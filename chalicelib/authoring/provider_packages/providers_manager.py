"""``ProvidersManager``: what Airflow's code asks about installed provider packages."""

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.provider_packages.installed import ProviderInfo, installed_providers

log = logging.getLogger("airflow.providers_manager")

_HOOKS_OF_CORE = {"fs": ("airflow.hooks.filesystem.FSHook", "apache-airflow")}


class HookInfo(NamedTuple):
    """The hook of a connection type; Airflow's fields."""

    hook_class_name: str
    """Its full name."""
    connection_id_attribute_name: str
    """The argument by which it is told the connection."""
    package_name: str
    """The provider package that has it."""
    hook_name: str
    """How it is called where people read it."""
    connection_type: str
    """What connections that it takes have as type."""
    connection_testable: bool
    """Whether it can try a connection out."""


class ProvidersManager:
    """What installed provider packages offer; each question is answered once per process."""

    @property
    def providers(self) -> Mapping[str, ProviderInfo]:
        """The provider packages by name."""
        return installed_providers()

    @property
    def hooks(self) -> Mapping[str, HookInfo | None]:
        """The hooks by connection type; None where the package has one that cannot be imported.

        A hook is imported when it is asked for: hooks of AWS ask for their own each time they make a client.
        """
        return _Hooks()

    @property
    def taskflow_decorators(self) -> Mapping[str, Callable[..., Any]]:
        """The decorators that are offered as ``@task.NAME``, imported."""
        return {name: imported(full_name) for name, full_name in decorators().items()}

    @property
    def extra_links_class_names(self) -> list[str]:
        """The classes of links that operators have in Airflow's pages."""
        return sorted(_each_of("extra-links"))

    @property
    def filesystem_module_names(self) -> list[str]:
        """The modules of file systems, for ``ObjectStoragePath``."""
        return sorted(_each_of("filesystems"))

    @property
    def secrets_backend_class_names(self) -> list[str]:
        """The classes of secrets backends."""
        return sorted(_each_of("secrets-backends"))

    @property
    def logging_class_names(self) -> list[str]:
        """The classes of log handlers."""
        return sorted(_each_of("logging"))

    @property
    def executor_class_names(self) -> list[str]:
        """The classes of executors."""
        return sorted(_each_of("executors"))

    @property
    def notification(self) -> list[str]:
        """The classes of notifiers."""
        return sorted(_each_of("notifications"))

    @property
    def provider_configs(self) -> list[tuple[str, dict[str, Any]]]:
        """The options that packages describe: (package, sections by name)."""
        described = ((name, provider.data.get("config")) for name, provider in self.providers.items())
        return [(name, dict(config)) for name, config in described if config]

    @property
    def dataset_factories(self) -> Mapping[str, Callable[..., Any]]:
        """What makes a dataset of keyword arguments, by the scheme of its URI."""
        return _of_uris("factory")

    @property
    def dataset_uri_handlers(self) -> Mapping[str, Callable[..., Any]]:
        """What makes a URI of a dataset normal, by scheme."""
        return _of_uris("handler")

    @property
    def dataset_to_openlineage_converters(self) -> Mapping[str, Callable[..., Any]]:
        """What makes a dataset one of OpenLineage's, by scheme."""
        return _of_uris("to_openlineage_converter")

    @property
    def connection_form_widgets(self) -> Mapping[str, Any]:
        """The fields of forms: there is no page with forms."""
        return {}

    @property
    def field_behaviours(self) -> Mapping[str, Any]:
        """How fields of forms behave, likewise."""
        return {}

    def initialize_providers_list(self) -> None:
        """Nothing to do ahead of a question."""

    initialize_providers_hooks = initialize_providers_list
    initialize_providers_configuration = initialize_providers_list
    initialize_providers_taskflow_decorator = initialize_providers_list
    initialize_providers_filesystems = initialize_providers_list
    initialize_providers_dataset_uri_resources = initialize_providers_list


class _Hooks(Mapping[str, HookInfo | None]):
    """The hooks of all installed packages, by connection type."""

    def __getitem__(self, connection_type: str) -> HookInfo | None:
        if connection_type not in _hook_classes():
            raise KeyError(connection_type)
        return hook_of(connection_type)

    def __iter__(self) -> Iterator[str]:
        return iter(_hook_classes())

    def __len__(self) -> int:
        return len(_hook_classes())


@cache
def hook_of(connection_type: str) -> HookInfo | None:
    """The hook of connections of that type; None where no installed package has one that can be imported."""
    named = _hook_classes().get(connection_type)
    if named is None:
        return None
    class_name, package = named
    try:
        hook = imported(class_name)
        return HookInfo(
            hook_class_name=class_name,
            connection_id_attribute_name=hook.conn_name_attr,
            package_name=package,
            hook_name=hook.hook_name,
            connection_type=hook.conn_type,
            connection_testable=hasattr(hook, "test_connection"),
        )
    except Exception as error:  # code of others, whose libraries may be missing
        log.warning("Could not import the hook %s of %s: %s", class_name, package, error)
        return None


@cache
def decorators() -> Mapping[str, str]:
    """The full names of what is offered as ``@task.NAME``, by NAME."""
    return {
        str(decorator["name"]): str(decorator["class-name"])
        for provider in installed_providers().values()
        for decorator in provider.data.get("task-decorators") or ()
    }


@cache
def option_defaults() -> Mapping[str, Mapping[str, str]]:
    """The defaults of options that packages describe, by section and name, both in small letters."""
    found: dict[str, dict[str, str]] = {}
    for _, sections in ProvidersManager().provider_configs:
        for section, described in sections.items():
            for name, option in (described.get("options") or {}).items():
                if option.get("default") is not None:
                    found.setdefault(section.lower(), {})[name.lower()] = str(option["default"])
    return found


def imported(full_name: str) -> Any:
    """What lies at a full name; raises ``ImportError`` and ``AttributeError``."""
    module, _, name = full_name.rpartition(".")
    with finder.importable():
        return getattr(importlib.import_module(module), name)


@cache
def _hook_classes() -> Mapping[str, tuple[str, str]]:
    """The full name of the hook's class, and its package, by connection type."""
    found = dict(_HOOKS_OF_CORE)
    for package, provider in installed_providers().items():
        for each in provider.data.get("connection-types") or ():
            found.setdefault(str(each["connection-type"]), (str(each["hook-class-name"]), package))
    return found


def _each_of(key: str) -> Iterator[str]:
    for provider in installed_providers().values():
        yield from provider.data.get(key) or ()


@cache
def _of_uris(what: str) -> Mapping[str, Callable[..., Any]]:
    return {
        scheme: imported(each[what])
        for provider in installed_providers().values()
        for each in provider.data.get("dataset-uris") or provider.data.get("asset-uris") or ()
        for scheme in each["schemes"]
        if each.get(what)
    }
