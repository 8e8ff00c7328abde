"""Uses of provider packages: what the files of a DAGs folder import of them, without running any."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.authoring.airflow_names.advice import package_of
from chalicelib.authoring.airflow_names.provider_modules import PROVIDERS, moved_module
from chalicelib.authoring.airflow_names.tables import MODULES
from chalicelib.authoring.loading.ignore_files import files_not_ignored
from chalicelib.authoring.surroundings.configuration import conf


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class ProviderUse:
    """An import of a provider package."""

    package: str
    """The distribution that has the module."""
    module: str
    """The module as the file names it: below ``airflow.providers``, or of Airflow 1.10."""
    name: str
    """The name that is imported from it; empty for the module itself."""
    filename: str
    """The file's path in the folder."""


def provider_uses(folder: Path) -> tuple[ProviderUse, ...]:
    """All imports of provider packages in the Python files of a folder that no ``.airflowignore`` names.

    A file that is no Python is left out: loading it says so. Raises ``AirflowConfigException``.
    """
    found: set[ProviderUse] = set()
    for path in files_not_ignored(folder, conf.get("core", "dag_ignore_file_syntax")):
        if path.suffix == ".py" and path.is_file():
            found.update(_uses_in(path, path.relative_to(folder).as_posix()))
    return tuple(sorted(found))


def _uses_in(path: Path, filename: str) -> Iterator[ProviderUse]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for module, name in _imports(tree):
        target = moved_module(module) if module not in MODULES else None
        provider = target or module
        if module not in MODULES and provider.startswith(f"{PROVIDERS}."):
            package = package_of(provider.removeprefix(f"{PROVIDERS}."))
            yield ProviderUse(package=package, module=module, name=name, filename=filename)


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.module, alias.name if alias.name != "*" else "") for alias in node.names)
