"""User packages installed once: for this machine below the state folder, for a stage into a given folder."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chalicelib.user_packages import REQUIREMENTS
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.filling import Tell, fill
from chalicelib.user_packages.installed import MEBIBYTE, Distribution, Installed, megabytes
from chalicelib.user_packages.machines import THIS, lambda_machine, this_machine
from chalicelib.user_packages.requirement_files import Asked, asked_for
from chalicelib.user_packages.rules import LEFT_OUT_OFTEN, all_rules

LAMBDAS_LIMIT = 250 * MEBIBYTE
"""What a function may unpack to, its layers included (AWS, "Lambda quotas")."""

_FOLDER = "user-packages"
_PACKAGES = "packages"
_STAMP = "installed.json"
_LARGEST_SHOWN = 5

_held: dict[Path, int] = {}
"""Descriptors of the locks on installations that this process uses, by their places, until it ends."""


def is_asked_for(dags_folder: Path) -> bool:
    """Whether the folder asks for any user packages; raises ``UserPackagesError`` for a refused line."""
    return asked_for(dags_folder) is not None


def install_here(dags_folder: Path, *, state_folder: Path, tell: Tell) -> Installed | None:
    """What the folder asks for, for this machine and Python; None if it asks for nothing.

    pip is called once per contents of the files: what is there is taken from then on, by any process. It
    stays until this process ends; what nobody uses any more is removed by the next installation. Raises
    ``UserPackagesError``.
    """
    asked = asked_for(dags_folder)
    if asked is None:
        return None
    place = state_folder.absolute() / _FOLDER / _key(asked)
    found = _in_use(place)
    if found is None:
        with _cannot_be_written(place), _alone(place.parent, tell):
            found = _in_use(place) or _install(place, asked, dags_folder.resolve(), tell)
            _remove_old(place.parent, dags_folder.resolve())
    return found


def install_for(dags_folder: Path, *, machine: str, python: str, into: Path, tell: Tell) -> Installed | None:
    """What the folder asks for, for a stage's functions; None, and nothing done, if it asks for nothing.

    ``machine`` is ``x86_64`` or ``arm64``, ``python`` such as ``3.11``. ``into`` is not there yet, or is an
    empty folder; it is filled as a whole or stays as it is. Raises ``UserPackagesError``.
    """
    asked = asked_for(dags_folder)
    if asked is None:
        return None
    chosen = lambda_machine(machine, python)
    into = into.absolute()
    into.parent.mkdir(parents=True, exist_ok=True)
    return fill(into, asked, chosen, tell)


def refuse_too_large(installed: Installed, own_size: int) -> None:
    """Raise ``UserPackagesError`` if a function cannot take them beside its own package (bytes, unpacked)."""
    total = installed.size + own_size
    if total <= LAMBDAS_LIMIT:
        return
    names = {each.name for each in installed.distributions}
    hint = ", ".join(sorted(names & LEFT_OUT_OFTEN)) or "NAME"
    raise UserPackagesError(
        f"User packages are too large for a function: {megabytes(installed.size)}, {megabytes(total)} with "
        f"its own package, and Lambda takes {megabytes(LAMBDAS_LIMIT)} unpacked. Largest: "
        f"{installed.largest(_LARGEST_SHOWN)}. What your tasks do not import can be left out by a line "
        f"'# updraft: without {hint}' in {REQUIREMENTS}"
    )


def _key(asked: Asked) -> str:
    text = "\0".join((asked.digest, all_rules(), this_machine()))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _install(place: Path, asked: Asked, dags_folder: Path, tell: Tell) -> Installed | None:
    """Fill the place, which appears as a whole."""
    aside = place.with_name(f"{place.name}.new")
    shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
    aside.mkdir(mode=0o700)
    try:
        filled = fill(aside / _PACKAGES, asked, THIS, tell)
        stamp = {**asdict(filled), "folder": str(dags_folder)}
        (aside / _STAMP).write_text(json.dumps(stamp))
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return _in_use(place)


def _in_use(place: Path) -> Installed | None:
    """What is installed there, kept from being removed until this process ends; None if nothing is."""
    try:
        descriptor = os.open(place / _STAMP, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        is_there = os.path.samestat(os.fstat(descriptor), os.stat(place / _STAMP))
        stamp: dict[str, Any] = json.loads((place / _STAMP).read_text()) if is_there else {}
    except FileNotFoundError:
        stamp = {}
    if not stamp:
        os.close(descriptor)
        return None
    _hold(place, descriptor)
    return Installed(
        folder=place / _PACKAGES,
        distributions=tuple(Distribution(**each) for each in stamp["distributions"]),
        size=stamp["size"],
        notes=tuple(stamp["notes"]),
    )


def _hold(place: Path, descriptor: int) -> None:
    """Keep one lock per place: that of what is there now."""
    before = _held.get(place)
    if before is not None and os.path.samestat(os.fstat(before), os.fstat(descriptor)):
        os.close(descriptor)
        return
    _held[place] = descriptor
    if before is not None:
        os.close(before)


def _remove_old(root: Path, dags_folder: Path) -> None:
    """Remove what was installed for this DAGs folder, or for one that is gone, and is not in use.

    And what interrupted processes have left.
    """
    for left in (*root.glob("*.new"), *root.glob("*.old")):
        shutil.rmtree(left, ignore_errors=True)
    for stamp in root.glob(f"*/{_STAMP}"):
        descriptor = os.open(stamp, os.O_RDONLY | os.O_CLOEXEC)
        try:
            of = Path(json.loads(stamp.read_text())["folder"])
            if of == dags_folder or not of.exists():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(stamp.parent)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def _remove(place: Path) -> None:
    """Take it away at once; what is left of it, should this be interrupted, is nobody's place."""
    gone = place.with_name(f"{place.name}.old")
    shutil.rmtree(gone, ignore_errors=True)
    place.rename(gone)
    shutil.rmtree(gone)


@contextmanager
def _alone(root: Path, tell: Tell) -> Iterator[None]:
    """Be the only process that installs; wait for another one, and say so."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another process installs user packages: waiting for it…")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _cannot_be_written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserPackagesError(
            f"User packages cannot be installed below {place.parent}: {error.strerror}. Set "
            "UPDRAFT__LOCAL__STATE_DIR to a folder that can be written"
        ) from error
