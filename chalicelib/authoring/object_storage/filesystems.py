"""``get_fs``: the file system of a scheme, as provider packages make it of a connection."""

import importlib
import inspect
import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.exceptions import AirflowOptionalProviderFeatureException
from chalicelib.authoring.provider_packages.providers_manager import ProvidersManager

log = logging.getLogger("airflow.io")

Properties = dict[str, str]
"""Options of a store."""

_Maker = Callable[..., Any]

_FILE = "file"

_PACKAGES = {
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
    "gcs": "apache-airflow-providers-google",
    "gs": "apache-airflow-providers-google",
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "s3n": "apache-airflow-providers-amazon[s3fs]",
}
"""The packages that have the file systems of schemes."""


def get_fs(scheme: str, conn_id: str | None = None, storage_options: Mapping[str, Any] | None = None) -> Any:
    """The file system (of fsspec) of a scheme, by a connection of that id.

    Raises ``ValueError`` for a scheme that no installed package has, and ``AttributeError`` for options that
    a package does not take.
    """
    maker = _makers().get(scheme)
    if maker is None:
        raise ValueError(f"No filesystem registered for scheme {scheme}{_advice(scheme)}")
    options = dict(storage_options or {})
    if len(inspect.signature(maker).parameters) > 1:
        return maker(conn_id, options)
    if options:
        raise AttributeError(
            f"Filesystem {scheme} does not support storage options: a newer version of its package may"
        )
    return maker(conn_id)


def has_fs(scheme: str) -> bool:
    """Whether an installed package has file systems of that scheme."""
    return scheme in _makers()


@cache
def _makers() -> Mapping[str, _Maker]:
    """What makes a file system, by scheme."""
    makers: dict[str, _Maker] = {_FILE: _local}
    for name in ProvidersManager().filesystem_module_names:
        with finder.importable():
            module = importlib.import_module(name)
        for scheme in getattr(module, "schemes", ()):
            if scheme in makers:
                log.warning("Overriding scheme %s for %s", scheme, name)
            makers[scheme] = _maker_of(module)
    return makers


def _maker_of(module: Any) -> _Maker:
    maker: _Maker | None = getattr(module, "get_fs", None)
    if maker is None:
        raise ImportError(f"Filesystem {module.__name__} does not have a get_fs method")
    return maker


def _local(_: str | None, storage_options: Mapping[str, Any]) -> Any:
    try:
        from fsspec.implementations.local import LocalFileSystem
    except ImportError as error:
        raise AirflowOptionalProviderFeatureException(
            "get_fs needs fsspec: put fsspec into requirements.txt of the DAGs folder"
        ) from error
    return LocalFileSystem(**storage_options)


def _advice(scheme: str) -> str:
    package = _PACKAGES.get(scheme)
    return f": put {package} into requirements.txt of the DAGs folder" if package else ""
