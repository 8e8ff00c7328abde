"""Sets of provider packages that tests run over; ``python -m tests.providers.sets NAME…`` installs some.

A set is a ``requirements.txt`` below ``sets``, installed by the project's own installer, once for each
contents of that file: ``.providers/NAME`` leads to the folder with the packages.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.installing import install_here
from tests.machine import Need
from tests.pages import ROOT

SETS = ROOT / "tests" / "providers" / "sets"
INSTALLED = ROOT / ".providers"

IN_CI = ("A", "B")
"""Those that each run of CI installs; the others are too large for it."""

PROVIDERS = Need(
    what="Provider packages were", made_by="make providers", switch="UPDRAFT_TESTS_NEED_PROVIDERS"
)
LARGE_PROVIDERS = Need(
    what="Large provider packages were",
    made_by="make providers-large",
    switch="UPDRAFT_TESTS_NEED_LARGE_PROVIDERS",
)


def folder_of(name: str) -> Path:
    """The folder with the packages of a set; skips or fails the test where it is not installed."""
    link = INSTALLED / name
    if not link.exists():
        need = PROVIDERS if name in IN_CI else LARGE_PROVIDERS
        need.is_not_met(f"{link.relative_to(ROOT)} is not there")
    return link.resolve()


def install(name: str) -> None:
    """Install a set, unless it is there; raises ``UserPackagesError``."""
    installed = install_here(SETS / name, state_folder=INSTALLED / "installed" / name, tell=print)
    if installed is None:
        raise ValueError(f"the set {name} names no packages")
    link, new = INSTALLED / name, INSTALLED / f"{name}.new"
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(installed.folder, INSTALLED))
    new.rename(link)
    print(f"{name}: {installed.line()}")


def main(names: Sequence[str]) -> int:
    """Install sets side by side; the exit status."""
    with ThreadPoolExecutor() as pool:
        installing = {name: pool.submit(install, name) for name in names}
    failed = 0
    for name, each in installing.items():
        try:
            each.result()
        except UserPackagesError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
