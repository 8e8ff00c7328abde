"""The binaries of a package, and the machines that they are for."""

from collections import defaultdict
from typing import ClassVar
from zipfile import ZipFile

from chalicelib.domain.errors import UpdraftError

MACHINES = {"x86_64": 62, "arm64": 183}
"""Lambda's architectures, as Lambda and Chalice's ``lambda_architecture`` name them: ``e_machine`` of ELF."""

_ELF = b"\x7fELF"
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_OTHER = 0
"""The machine of what is no ELF at all, such as a library for macOS."""

_SHOWN = 5


class UnfitPackage(UpdraftError):
    """Something in the package cannot run on the stage's functions; the text says what and what to do."""

    code: ClassVar[str] = "unfit_package"

    def __init__(self, what: str, architecture: str) -> None:
        other = "x86_64" if architecture == "arm64" else "arm64"
        super().__init__(
            f"{what}. Take a version that has one, put the package into vendor/, or set lambda_architecture "
            f"in .chalice/config.json to {other}"
        )


def machines(package: ZipFile) -> dict[str, int]:
    """The machine of each binary in the package, by the file's name."""
    found = ((entry.filename, _machine(package, entry.filename)) for entry in package.infolist())
    return {name: machine for name, machine in found if machine is not None}


def refuse_foreign(package: ZipFile, architecture: str, *, below: str = "") -> None:
    """Raise ``UnfitPackage`` if a package at the top has binaries, and none of them is for the architecture.

    One that brings binaries for several machines chooses among them by itself. ``below`` is the folder in
    the zip whose top that is.
    """
    wanted = MACHINES[architecture]
    by_top: dict[str, dict[str, int]] = defaultdict(dict)
    for path, machine in machines(package).items():
        name = path.removeprefix(f"{below}/")
        by_top[name.partition("/")[0]][name] = machine
    foreign = [name for of_top in by_top.values() if wanted not in of_top.values() for name in of_top]
    if foreign:
        raise UnfitPackage(f"Not for {architecture}: {_listed(sorted(foreign))}", architecture)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _machine(package: ZipFile, name: str) -> int | None:
    """None for what is no binary."""
    with package.open(name) as file:
        start = file.read(20)
    if start.startswith(_MACH_O) and name.endswith((".so", ".dylib")):
        return _OTHER
    if not start.startswith(_ELF) or len(start) < 20:
        return None
    return int.from_bytes(start[18:20], "little" if start[5] == 1 else "big")
