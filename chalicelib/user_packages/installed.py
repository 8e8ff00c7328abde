"""Installed user packages: which distributions there are, and what size each adds."""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution as Found
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.stub import is_stub

MEBIBYTE = 1024 * 1024
_SHOWN = 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_OURS = "chalicelib"


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """A distribution among the user packages."""

    name: str
    version: str
    size: int
    """Bytes of its files, unpacked, without bytecode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """User packages in their folder."""

    folder: Path
    distributions: tuple[Distribution, ...]
    """The largest first."""
    size: int
    """Bytes of all files in the folder."""
    notes: tuple[str, ...] = ()
    """What was left out, a line each."""

    def line(self) -> str:
        """How many there are and what size they add, with the largest named."""
        count = len(self.distributions)
        noun = "distribution" if count == 1 else "distributions"
        return f"User packages: {count} {noun}, {megabytes(self.size)} (largest: {self.largest()})"

    def largest(self, shown: int = _SHOWN) -> str:
        """The names and sizes of the largest distributions."""
        return ", ".join(f"{each.name} {megabytes(each.size)}" for each in self.distributions[:shown])


def megabytes(size: int) -> str:
    """A size in bytes as people read it; as AWS's limits, in units of 1,048,576."""
    amount = size / MEBIBYTE
    return f"{amount:.0f} MB" if amount >= 10 else f"{amount:.1f} MB"


def names_in(folder: Path) -> frozenset[str]:
    """Canonical names of the distributions in a folder."""
    return frozenset(canonicalize_name(found.name) for _, found in _found_in(folder))


def tidy(folder: Path) -> None:
    """Remove stubs; raises ``UserPackagesError`` if a package would hide the project's own modules."""
    for info, found in _found_in(folder):
        if _is_stub(found):
            shutil.rmtree(info)
    if any((folder / name).exists() for name in (_OURS, f"{_OURS}.py")):
        raise UserPackagesError(
            f"A package brings modules named {_OURS}, which are Updraft's own: take it out"
        )


def leave_out(folder: Path, paths: Sequence[str]) -> None:
    """Remove files and folders of packages; raises ``UserPackagesError`` for one that is not there."""
    for name in paths:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.exists():
            raise UserPackagesError(f"There is no {name} in the user packages that could be left out")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def measured(folder: Path, notes: tuple[str, ...]) -> Installed:
    """The user packages in a folder."""
    found = (
        Distribution(name=canonicalize_name(each.name), version=each.version, size=_size_of(each, folder))
        for _, each in _found_in(folder)
    )
    return Installed(
        folder=folder,
        distributions=tuple(sorted(found, key=lambda each: (-each.size, each.name))),
        size=sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()),
        notes=notes,
    )


def _found_in(folder: Path) -> Iterator[tuple[Path, Found]]:
    """Distributions, with their ``dist-info``, whose names can be shown; a hostile package may have any."""
    for info in sorted(folder.glob("*.dist-info")):
        found = Found.at(info)
        if _NAME.fullmatch(found.metadata["Name"] or "") and _VERSION.fullmatch(
            found.metadata["Version"] or ""
        ):
            yield info, found


def _is_stub(found: Found) -> bool:
    try:
        return is_stub(found.version)
    except InvalidVersion:
        return False


def _size_of(found: Found, folder: Path) -> int:
    total = 0
    for file in found.files or []:
        path = folder / file
        if ".." not in file.parts and not file.is_absolute() and path.is_file():
            total += path.lstat().st_size
    return total
