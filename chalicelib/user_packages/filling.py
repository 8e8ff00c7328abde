"""A folder filled with what a DAGs folder asks for, by pip."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from chalicelib.user_packages import REQUIREMENTS, installed
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.installed import Installed
from chalicelib.user_packages.machines import THIS, Machine
from chalicelib.user_packages.pip_program import PipRun, run_pip, why_it_failed
from chalicelib.user_packages.requirement_files import Asked
from chalicelib.user_packages.rules import (
    BOUNDS_OF_AIRFLOW,
    BOUNDS_OF_UPDRAFT,
    BROUGHT_BY_AIRFLOW,
    PROVIDER,
    STUB,
    STUB_VERSION,
    undeclared_needs,
)
from chalicelib.user_packages.stub import LOCAL, write_stub

Tell = Callable[[str], None]

_VERSIONS = re.compile(r"^Available versions: (.+)$", re.MULTILINE)
_MOST_VERSIONS = 500
_PURE = "-none-any.whl"


def fill(folder: Path, asked: Asked, machine: Machine, tell: Tell) -> Installed:
    """Install into a folder, which does not exist yet; raises ``UserPackagesError``, and leaves nothing then.

    Twice where only the first time shows that a provider package is among the dependencies.
    """
    for note in asked.notes:
        tell(note)
    tell(f"Installing user packages of {REQUIREMENTS}…")
    with TemporaryDirectory(prefix="updraft-packages-", dir=folder.parent) as scratch:
        attempt = _Attempt(Path(scratch), asked, machine)
        target = attempt.install()
        installed.tidy(target)
        installed.leave_out(target, asked.without_files)
        found = installed.measured(target, asked.notes)
        target.rename(folder)
    return replace(found, folder=folder)


class _Attempt:
    """The files that pip works with, and its calls."""

    def __init__(self, scratch: Path, asked: Asked, machine: Machine) -> None:
        self._scratch = scratch
        self._asked = asked
        self._machine = machine
        self._links = scratch / "links"
        self._links.mkdir()
        self._more = undeclared_needs(asked.names)
        self._bounds: tuple[str, ...] = ()
        if any(name.startswith(PROVIDER) for name in asked.names):
            self._bounds = BOUNDS_OF_AIRFLOW

    def install(self) -> Path:
        """The folder that pip has filled."""
        write_stub(self._links, STUB, STUB_VERSION, BROUGHT_BY_AIRFLOW)
        for name in self._asked.without:
            self._stand_in_for(name)
        target = self._installed_once("first")
        if not self._is_done_with(installed.names_in(target)):
            target = self._installed_once("second")
        return target

    def _is_done_with(self, names: frozenset[str]) -> bool:
        """Whether what is there now was installed by the rules for it; sets them if not."""
        more = undeclared_needs(names)
        bounds = BOUNDS_OF_AIRFLOW if STUB in names else self._bounds
        is_done = set(more) <= set(self._more) and bounds == self._bounds
        self._more, self._bounds = tuple(dict.fromkeys((*self._more, *more))), bounds
        return is_done

    def _installed_once(self, name: str) -> Path:
        target = self._scratch / name
        self._write_files()
        run = self._install_into(target)
        if run.failed and self._machine is not THIS and self._build_pure_ones():
            run = self._install_into(target)
        if run.failed:
            raise _refused(run, self._machine)
        target.mkdir(exist_ok=True)  # pip makes none where markers leave nothing to install
        return target

    def _write_files(self) -> None:
        lines = [*self._asked.options, *self._asked.requirements, *self._more]
        (self._scratch / REQUIREMENTS).write_text("".join(f"{line}\n" for line in lines))
        bounds = [*BOUNDS_OF_UPDRAFT, *self._bounds, f"{STUB}=={STUB_VERSION}", *self._asked.constraints]
        (self._scratch / "constraints.txt").write_text("".join(f"{line}\n" for line in bounds))

    def _install_into(self, target: Path) -> PipRun:
        return run_pip(
            ["install", f"--target={target}", *self._files(), *self._machine.options], within=self._scratch
        )

    def _files(self) -> tuple[str, ...]:
        return (
            f"--requirement={self._scratch / REQUIREMENTS}",
            f"--constraint={self._scratch / 'constraints.txt'}",
            f"--find-links={self._links}",
            *("--no-compile", "--no-warn-script-location", "--progress-bar=off"),
        )

    def _build_pure_ones(self) -> bool:
        """Build what has no wheel at all and is Python alone; whether there was any.

        Raises ``UserPackagesError`` that names what has to be compiled for the other machine.
        """
        report = self._scratch / "report.json"
        options = ("--dry-run", f"--report={report}", f"--target={self._scratch / 'nowhere'}")
        run = run_pip(["install", *options, *self._files()], within=self._scratch)
        if run.failed:
            raise _refused(run, THIS)
        found = json.loads(report.read_text())["install"]
        sources = [each["metadata"] for each in found if not each["download_info"]["url"].endswith(".whl")]
        compiled = [f"{each['name']}=={each['version']}" for each in sources if not self._build(each)]
        if compiled:
            raise UserPackagesError(
                f"{REQUIREMENTS}: no wheel for {self._machine.label}: {', '.join(compiled)}. Take a version "
                "that has one, or set lambda_architecture in .chalice/config.json"
            )
        return bool(sources)

    def _build(self, metadata: dict[str, str]) -> bool:
        """Build a wheel of a source distribution; whether it is for every machine."""
        with TemporaryDirectory(dir=self._scratch) as directory:
            listed = Path(directory) / REQUIREMENTS
            listed.write_text(f"{metadata['name']}=={metadata['version']}\n")
            options = (
                f"--requirement={listed}",
                "--no-deps",
                f"--wheel-dir={directory}",
                "--progress-bar=off",
            )
            run = run_pip(["wheel", *options], within=self._scratch)
            if run.failed:
                raise _refused(run, THIS)
            pure = list(Path(directory).glob(f"*{_PURE}"))
            for path in pure:
                path.rename(self._links / path.name)
            return bool(pure)

    def _stand_in_for(self, name: str) -> None:
        """A stub for each version that a package index has of it: pip takes one that fits."""
        run = run_pip(["index", "versions", name], within=self._scratch)
        found = _VERSIONS.search(run.output)
        if run.failed or found is None:
            raise _refused(run, THIS)
        for version in [each.strip() for each in found[1].split(",")][:_MOST_VERSIONS]:
            if _is_public(version):
                write_stub(self._links, name, f"{version}+{LOCAL}")


def _is_public(version: str) -> bool:
    try:
        return Version(version).local is None
    except InvalidVersion:
        return False


def _refused(run: PipRun, machine: Machine) -> UserPackagesError:
    return UserPackagesError(
        f"{REQUIREMENTS} cannot be installed: {why_it_failed(run.output, is_for=machine.label)}"
    )
