"""The import of each module of installed provider packages, by a process of its own.

``python -m tests.providers.importing``, with the packages first on the path, prints JSON: by package its
version and, by module, None or why it cannot be imported.
"""

import importlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import Any

from tests.pages import ROOT

NOT_COUNTED = frozenset({"auth_manager", "cli", "example_dags", "executors", "log"})
"""The folders whose modules serve Airflow's own processes: no DAG file has a use for them."""

_PREFIX = "apache-airflow-providers-"


def results(packages: Path) -> Mapping[str, Any]:
    """What became of each module in a fresh process with these packages."""
    environ = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "tests.providers.importing"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _modules(package: Distribution) -> Iterator[str]:
    for file in package.files or ():
        path = PurePosixPath(file)
        if path.suffix == ".py" and path.name != "__init__.py" and NOT_COUNTED.isdisjoint(path.parts):
            yield ".".join(path.with_suffix("").parts)


def _why_not(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except BaseException as error:  # code of others may raise anything
        return f"{type(error).__name__}: {error}"
    return None


def _all() -> dict[str, Any]:
    from chalicelib.authoring.airflow_names import finder

    packages = {each.name: each for each in distributions() if each.name.startswith(_PREFIX)}
    with finder.importable():
        return {
            name: {
                "version": package.version,
                "modules": {module: _why_not(module) for module in sorted(_modules(package))},
            }
            for name, package in sorted(packages.items())
        }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("\n" + json.dumps(_all()))
