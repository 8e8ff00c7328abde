"""The machines that user packages are installed for, as options of pip."""

import platform
import sys
import sysconfig
from dataclasses import dataclass

from chalicelib.user_packages.errors import UserPackagesError

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's architectures, as wheels name them."""

_OLDEST_GLIBC = 5
_GLIBC_OF_AMAZON_LINUX_2, _GLIBC_OF_AMAZON_LINUX_2023 = 26, 34
"""Minor versions of the C library of Lambda's Python 3.11, and of those after it (AWS, "Lambda runtimes")."""

_LEGACY = ("manylinux2014", "manylinux2010", "manylinux1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What user packages are installed for."""

    label: str
    """For messages; empty for this machine."""
    options: tuple[str, ...]
    """Options of pip that choose its wheels; none for this machine, where packages are built, too."""


THIS = Machine(label="", options=())


def lambda_machine(machine: str, python: str) -> Machine:
    """The machine of a stage's functions: ``x86_64`` or ``arm64``, and a Python such as ``3.11``.

    Raises ``UserPackagesError`` for another, and for a Python that is not the one which runs: pip takes the
    markers of requirements for those of its own Python.
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if machine not in _MACHINES or python != ours:
        raise UserPackagesError(
            f"User packages for {machine} and Python {python} cannot be installed by Python {ours}: for "
            f"{' or '.join(_MACHINES)}, run this command by Python {python}"
        )
    newest = _GLIBC_OF_AMAZON_LINUX_2 if python == "3.11" else _GLIBC_OF_AMAZON_LINUX_2023
    tags = [f"manylinux_2_{minor}" for minor in range(newest, _OLDEST_GLIBC - 1, -1)]
    platforms = [f"--platform={tag}_{_MACHINES[machine]}" for tag in (*tags, *_LEGACY)]
    return Machine(
        label=f"{machine} and Python {python}",
        options=("--only-binary=:all:", "--implementation=cp", f"--python-version={python}", *platforms),
    )


def this_machine() -> str:
    """A text that names what compiled packages depend on here."""
    libc = "".join(platform.libc_ver())
    return f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {libc}"
