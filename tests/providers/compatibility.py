"""The table of what works of provider packages: its rows, as ``docs/providers.md`` has them.

``python -m tests.providers.compatibility NAME…`` prints the rows of sets, to be put into the page.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.providers.importing import results
from tests.providers.sets import folder_of

OPERATORS_RUN = Path(__file__).with_name("operators_run.json")
"""By set and package the classes that tests run."""

TITLES = ("package", "version", "modules imported", "run by tests", "known gaps")

_PREFIX = "apache-airflow-providers-"
_PACKAGE = re.compile(rf"part of ({_PREFIX}[\w-]+)")
_SAID_TO_LACK = re.compile(r"You do not have `([\w-]+)` package installed")
_LIBRARY = re.compile(r"No module named '([\w.]+)'")


def rows_of(name: str) -> list[list[str]]:
    """The rows of a set: a package each."""
    return rows(results(folder_of(name)), json.loads(OPERATORS_RUN.read_text()).get(name, {}))


def rows(found: Mapping[str, Any], run: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The same, of what ``importing`` found and of the classes that tests run."""
    return [
        [
            f"`{package.removeprefix(_PREFIX)}`",
            of_package["version"],
            _share(of_package["modules"]),
            ", ".join(f"`{name}`" for name in sorted(run.get(package.removeprefix(_PREFIX), ()))),
            "; ".join(_gaps(of_package["modules"])),
        ]
        for package, of_package in found.items()
    ]


def _share(modules: Mapping[str, str | None]) -> str:
    imported = sum(error is None for error in modules.values())
    return f"{imported} of {len(modules)}"


def _gaps(modules: Mapping[str, str | None]) -> Iterator[str]:
    """Sentences that say which modules are not imported, by their reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for module, error in modules.items():
        if error is not None:
            by_reason[_reason(error)].append(f"`{'.'.join(module.split('.')[-2:])}`")
    for reason, names in sorted(by_reason.items()):
        verb = "needs" if len(names) == 1 else "need"
        yield f"{', '.join(names)} {verb} {reason}" if reason[0] == "`" else f"{', '.join(names)}: {reason}"


def _reason(error: str) -> str:
    """Another package or library by its name, else the error."""
    package = _PACKAGE.search(error)
    if package:
        return f"`{package[1].removeprefix(_PREFIX)}`"
    library = None if "Updraft does not offer" in error else _LIBRARY.search(error)
    library = library or _SAID_TO_LACK.search(error)
    if library:
        return f"`{library[1]}`"
    return error.split("\n")[0].replace("|", "/")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        for row in (list(TITLES), ["---"] * len(TITLES), *rows_of(given)):
            print(f"| {' | '.join(row)} |")
