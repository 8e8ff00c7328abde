"""The ``pip`` program of this Python: run with fixed options, and understood when it fails."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import AIRFLOW_VERSION
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.rules import BOUNDS_OF_AIRFLOW, BOUNDS_OF_UPDRAFT, STUB, STUB_VERSION

_TAKEN_FROM_THE_USER = frozenset(
    f"PIP_{name}"
    for name in (
        *("CACHE_DIR", "CERT", "CLIENT_CERT", "CONFIG_FILE", "DEFAULT_TIMEOUT", "EXTRA_INDEX_URL"),
        *("FIND_LINKS", "INDEX_URL", "KEYRING_PROVIDER", "NO_CACHE_DIR", "NO_INDEX", "PROXY", "RETRIES"),
        *("TIMEOUT", "TRUSTED_HOST"),
    )
)
"""Settings of pip that say where packages come from; others (a target, a user's site) are ours to choose."""

_SET = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_NO_INPUT": "1"}
_FEW_RETRIES = {"PIP_RETRIES": "2"}

_ALWAYS = ("--disable-pip-version-check", "--no-color")
_MOST_SECONDS = 3600

_CAUSE = "The conflict is caused by:"
_USER = re.compile(r"The user requested (\(constraint\) )?(.+)")
_DEPENDS = re.compile(r"(\S+) (\S+) depends on (.+)")
_UNSATISFIED = re.compile(
    r"ERROR: Could not find a version that satisfies the requirement (.+?) \(from versions: (.*)\)$",
    re.MULTILINE,
)
_FROM = re.compile(r" \(from [^()]*(?:\([^()]*\))?[^()]*\)")
_NOT_BUILT = re.compile(
    r"(?:╰─> |Failed to build |Could not build wheels for |for building )([A-Za-z0-9][\w.-]*)"
)
_PLACES = re.compile(r"(?:[a-z+]+://|(?<![\w.])/)[^\s'\",)]*")

_UNREACHED = ("after connection broken by", "NewConnectionError", "Could not fetch URL")
_LONGEST = 300
_MOST_CAUSES = 3
_VERSIONS_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PipRun:
    """How a call of pip ended."""

    failed: bool
    output: str
    """Standard output and standard error."""


def run_pip(arguments: Sequence[str], *, within: Path, environ: Mapping[str, str] | None = None) -> PipRun:
    """Run pip in a folder; raises ``UserPackagesError`` if this Python has none, or it does not end.

    Python's ``-I`` keeps modules of the folder, and of ``PYTHONPATH``, from being taken for pip's.
    """
    command = [sys.executable, "-I", "-m", "pip", *arguments, *_ALWAYS]
    try:
        done = subprocess.run(  # noqa: S603 - our own options; what a user wrote is in files that pip reads
            command,
            cwd=within,
            env=_environment(os.environ if environ is None else environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserPackagesError("pip did not end within an hour: try again") from error
    if done.returncode and "No module named pip" in done.stdout:
        raise UserPackagesError(
            "This Python has no pip, which installs user packages: 'make install' makes one that has"
        )
    return PipRun(failed=done.returncode != 0, output=done.stdout)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith("PIP_") or name.upper() in _TAKEN_FROM_THE_USER
    }
    return {**_FEW_RETRIES, **kept, **_SET}


def why_it_failed(output: str, *, is_for: str = "") -> str:
    """What pip says, in one line without paths and addresses; ``is_for`` names the machine that it is for."""
    causes = _causes(output)
    if causes:
        more = f"; and {len(causes) - _MOST_CAUSES} more" if len(causes) > _MOST_CAUSES else ""
        return f"versions conflict: {'; '.join(causes[:_MOST_CAUSES])}{more}"
    unsatisfied = _UNSATISFIED.findall(output)
    if unsatisfied:
        return _no_version(*unsatisfied[-1], output=output, is_for=is_for)
    if any(sign in output for sign in _UNREACHED):
        return "the package index cannot be reached: look at the network, and at pip's settings"
    if "resolution-too-deep" in output or "ResolutionTooDeep" in output:
        return "pip finds no versions that fit together: name those of the largest packages with =="
    built = _NOT_BUILT.findall(output.replace("See above for output.", ""))
    if built:
        return f"{built[-1]} has no wheel that fits, and building it failed: take a version that has one"
    errors = [line for line in output.splitlines() if line.upper().startswith("ERROR:")] or ["ERROR: ?"]
    return _shortened(errors[-1].partition(":")[2])


def _causes(output: str) -> list[str]:
    """Who wants what, of a conflict; empty if there is none."""
    _, found, after = output.rpartition(_CAUSE)
    if not found:
        return []
    lines = (line.strip() for line in after.strip().split("\n\n")[0].splitlines())
    return list(dict.fromkeys(_shortened(_cause(_FROM.sub("", line))) for line in lines if line))


def _cause(line: str) -> str:
    user = _USER.fullmatch(line)
    if user and user[2].startswith(f"{STUB}=="):
        return f"Updraft stands for Airflow {AIRFLOW_VERSION}"
    if user and user[1]:
        return f"{_bounding(user[2])} {user[2]}"
    if user:
        return f"requirements.txt asks for {_shortened(user[2])}"
    depends = _DEPENDS.fullmatch(line)
    if depends and depends[1] == STUB:
        return f"Airflow {AIRFLOW_VERSION} needs {depends[3]}"
    return f"{depends[1]} {depends[2]} needs {depends[3]}" if depends else _shortened(line)


def _bounding(requirement: str) -> str:
    """Whose constraint that is: pip does not say which file it comes from."""
    name = _name_of(requirement)
    if name in map(_name_of, BOUNDS_OF_UPDRAFT):
        return "Updraft needs"
    if name in map(_name_of, BOUNDS_OF_AIRFLOW):
        return f"provider packages for Airflow {AIRFLOW_VERSION} need"
    return "a file of constraints asks for"


def _name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def _no_version(requirement: str, versions: str, *, output: str, is_for: str) -> str:
    wanted = _shortened(_FROM.sub("", requirement))
    known = [each.strip() for each in versions.split(",") if each.strip() not in ("", "none")]
    if STUB_VERSION in known or wanted.startswith((f"{STUB}>", f"{STUB}=")):
        ours = f"Updraft stands for Airflow {AIRFLOW_VERSION}"
        return f"{wanted} is needed, and {ours}: take an older provider package"
    if not known and any(sign in output for sign in _UNREACHED):
        return "the package index cannot be reached: look at the network, and at pip's settings"
    fits = f" for {is_for}" if is_for else ""
    if not known:
        return f"no package index has {wanted}{fits}"
    return f"there is no {wanted}{fits}; the newest are {', '.join(known[-_VERSIONS_SHOWN:])}"


def _shortened(text: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in text)
    one_line = " ".join(_PLACES.sub("…", shown).split())
    return one_line if len(one_line) <= _LONGEST else f"{one_line[:_LONGEST]}…"
