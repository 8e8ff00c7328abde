"""Advice on Airflow's names that are not offered: what to use instead, and what to install."""

from collections.abc import Iterator

from chalicelib.authoring.airflow_names.moved_to_providers import MOVED_TO_PROVIDERS
from chalicelib.authoring.airflow_names.not_offered import NOT_OFFERED

_PROVIDERS = "airflow.providers."

_FAMILIES = frozenset({"apache", "atlassian", "cncf", "common", "dbt", "microsoft"})
"""Names under which there are several provider packages."""

_LIBRARIES = {
    "amazon": "boto3",
    "cncf.kubernetes": "kubernetes",
    "docker": "docker",
    "ftp": "ftplib",
    "google": "the service's google-cloud library",
    "http": "requests",
    "imap": "imaplib",
    "microsoft.mssql": "pymssql",
    "mongo": "pymongo",
    "mysql": "mysqlclient",
    "postgres": "psycopg2-binary",
    "redis": "redis",
    "sftp": "paramiko",
    "slack": "slack-sdk",
    "smtp": "smtplib",
    "snowflake": "snowflake-connector-python",
    "sqlite": "sqlite3",
    "ssh": "paramiko",
}
"""The library under a provider package, by the package."""


def advice_on(fullname: str) -> str:
    """What to use in place of a name of Airflow's (a module's or one in it); empty if nothing is known."""
    if not fullname.startswith(_PROVIDERS):
        moved = _moved(fullname.removeprefix("airflow."))
        if moved:
            return f"Airflow 2 has it as {_PROVIDERS}{moved}, {_on_provider(moved)}"
    for name in _ways_up(fullname):
        if name in NOT_OFFERED:
            return NOT_OFFERED[name]
    if fullname.startswith(_PROVIDERS):
        return f"it is {_on_provider(fullname.removeprefix(_PROVIDERS))}"
    return ""


def package_of(provider_module: str) -> str:
    """The pip package of a module below ``airflow.providers``: ``apache-airflow-providers-apache-hive``."""
    return f"apache-airflow-providers-{_provider(provider_module).replace('.', '-')}"


def _provider(module: str) -> str:
    names = module.split(".")
    return ".".join(names[: 2 if names[0] in _FAMILIES else 1])


def _on_provider(module: str) -> str:
    library = _LIBRARIES.get(_provider(module), "the system's own Python library")
    return f"part of {package_of(module)}; provider packages are not loaded: use {library} in a Python task"


def _moved(name: str) -> str | None:
    return next((MOVED_TO_PROVIDERS[each] for each in _ways_up(name) if each in MOVED_TO_PROVIDERS), None)


def _ways_up(fullname: str) -> Iterator[str]:
    """The name, its parent and so on."""
    names = fullname.split(".")
    return (".".join(names[:length]) for length in range(len(names), 0, -1))
