"""``requirements.txt`` of a DAGs folder: what it asks for, and what in it is left out or refused."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from chalicelib.user_packages import REQUIREMENTS
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.rules import EXTRAS, IN_PLACE_OF_AIRFLOW, PLAIN_EXTRAS, PROVIDER

_COMMENT = re.compile(r"(^|\s)#.*$")
_DIRECTIVE = re.compile(r"\s*#\s*updraft\s*:\s*(.*?)\s*", re.IGNORECASE)
_WITHOUT = re.compile(r"without\s+(.+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PATH = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)+")
_OPTION = re.compile(r"(-[A-Za-z](?=[\s./\w])|--?[A-Za-z-]+)(?:\s*=\s*|\s*)(.*)")
_OPTION_OF_A_LINE = re.compile(r"\s--?[A-Za-z]")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")

_FILES = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_INDEXES = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
}
_FLAGS = frozenset({"--pre", "--prefer-binary"})
_CONSTRAINTS_OF_AIRFLOW = re.compile(
    r"https://raw\.githubusercontent\.com/apache/airflow/constraints-[\w.-]+/"
)

_DAGS_FOLDERS = ("/usr/local/airflow/dags/", "/opt/airflow/dags/", "/home/airflow/gcs/dags/")
"""The DAGs folder on MWAA, in Airflow's Docker image and on Cloud Composer: paths in it are ours."""

_OTHER_SOURCES = (
    "name a released version, or put a wheel of it into the DAGs folder and name that file (./NAME.whl)"
)
_LONGEST_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a DAGs folder asks for, in lines that are safe in a file for pip."""

    requirements: tuple[str, ...]
    """One requirement each (PEP 508): a name, extras, versions and markers, or a wheel in the DAGs folder."""
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Package indexes, and whether pre-releases count."""
    without: tuple[str, ...] = ()
    """Canonical names of declared dependencies that are to stay out."""
    without_files: tuple[str, ...] = ()
    """Files and folders of packages that are to stay out, by their paths from the folder of the packages."""
    notes: tuple[str, ...] = ()
    """What was left out, a line each."""
    names: frozenset[str] = frozenset()
    """Canonical names of the distributions that are asked for."""
    digest: str = ""
    """Of all that was read: the files, and the wheels that they name."""


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    text: str

    def refused(self, why: str) -> UserPackagesError:
        shown = self.text if len(self.text) <= _LONGEST_SHOWN else f"{self.text[:_LONGEST_SHOWN]}…"
        shown = re.sub(r"://[^/\s@]*@", "://…@", shown)  # a password is nobody's to read
        return UserPackagesError(f"{self.place}: {shown!r} {why}")

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(slots=True)
class _Reader:
    folder: Path
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    without_files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    _seen: set[tuple[Path, bool]] = field(default_factory=set)
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def read(self, path: Path, *, is_constraint: bool) -> None:
        """Take all lines of a file in the folder, and of the files that it names; each once."""
        if (path, is_constraint) in self._seen:
            return
        self._seen.add((path, is_constraint))
        name = path.relative_to(self.folder).as_posix()
        try:
            content = path.read_bytes()
            text = content.decode("utf-8-sig")
        except OSError as error:
            raise UserPackagesError(f"{name} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserPackagesError(f"{name} is no text in UTF-8") from error
        self._count_in(name, content)
        for line in _lines(name, text):
            self._take(line, path.parent, is_constraint=is_constraint)

    def asked(self) -> Asked | None:
        """All of it; None if nothing is asked for."""
        for name in self.without:
            if name in self.names:
                raise UserPackagesError(
                    f"{REQUIREMENTS} asks for {name} and for leaving it out: take one line out"
                )
        if not self.requirements:
            return None
        return Asked(
            requirements=tuple(self.requirements),
            constraints=tuple(self.constraints),
            options=tuple(self.options),
            without=tuple(sorted(set(self.without))),
            without_files=tuple(sorted(set(self.without_files))),
            notes=tuple(self.notes),
            names=frozenset(self.names),
            digest=self._digest.hexdigest(),
        )

    def _count_in(self, name: str, content: bytes) -> None:
        self._digest.update(f"{name}\0{len(content)}\0".encode())
        self._digest.update(content)

    def _take(self, line: _Line, beside: Path, *, is_constraint: bool) -> None:
        directive = _DIRECTIVE.fullmatch(line.text)
        if directive is not None:
            self._take_directive(line, directive[1])
            return
        bare = _Line(line.file, line.number, _COMMENT.sub("", line.text).strip())
        if bare.text.startswith("-"):
            self._take_option(bare, beside)
        elif bare.text:
            self._take_requirement(bare, beside, is_constraint=is_constraint)

    def _take_directive(self, line: _Line, directive: str) -> None:
        parsed = _WITHOUT.fullmatch(directive)
        names = [name.strip() for name in parsed[1].split(",")] if parsed else [""]
        for name in names:
            if _NAME.fullmatch(name):
                self.without.append(canonicalize_name(name))
            elif _PATH.fullmatch(name):
                self.without_files.append(name)
            else:
                raise line.refused("is not understood: it takes '# updraft: without NAME, FOLDER/FILE'")

    def _take_option(self, line: _Line, beside: Path) -> None:
        parsed = _OPTION.fullmatch(line.text)
        option, value = (parsed[1], parsed[2].strip().strip("\"'")) if parsed else (line.text, "")
        if option in _FILES:
            self._take_file(line, value, beside, is_constraint=_FILES[option] == "-c")
        elif option in _INDEXES:
            self.options.append(f"{_INDEXES[option]} {_index(line, value)}")
        elif option in _FLAGS and not value:
            self.options.append(option)
        elif option in ("-e", "--editable"):
            raise line.refused(f"cannot be deployed: {_OTHER_SOURCES}")
        elif option in ("-f", "--find-links", "--no-index", "--trusted-host"):
            raise line.refused(
                "is taken from pip's own settings alone: set it in pip.conf or as a variable PIP_…"
            )
        elif option in ("--hash", "--require-hashes"):
            raise line.refused("is not supported: take the hashes out, versions can be pinned with ==")
        else:
            raise line.refused("is not supported: take it out")

    def _take_file(self, line: _Line, value: str, beside: Path, *, is_constraint: bool) -> None:
        if is_constraint and _CONSTRAINTS_OF_AIRFLOW.match(value):
            self.notes.append(
                f"{line.place}: Airflow's constraints are left out, the bounds that matter are built in"
            )
            return
        if "://" in value:
            raise line.refused("is not in the DAGs folder: put the file there and name it by its path")
        self.read(self._within(line, value, beside), is_constraint=is_constraint)

    def _take_requirement(self, line: _Line, beside: Path, *, is_constraint: bool) -> None:
        if _OPTION_OF_A_LINE.search(line.text):
            has_hash = "--hash" in line.text
            raise line.refused(
                "has hashes, which are not supported: take them out, versions can be pinned with =="
                if has_hash
                else "has an option, which is not supported: take it out"
            )
        try:
            requirement = Requirement(line.text)
        except InvalidRequirement as error:
            if not is_constraint and line.text.endswith(".whl") and "://" not in line.text:
                self._take_wheel(line, beside)
                return
            raise line.refused(_why_none(line.text)) from error
        if requirement.url is not None:
            raise line.refused(f"names a URL: {_OTHER_SOURCES}")
        if canonicalize_name(requirement.name) in IN_PLACE_OF_AIRFLOW:
            if not is_constraint:
                self._take_airflow(line, requirement)
        elif is_constraint:
            self.constraints.append(str(requirement))
        else:
            self._add(requirement)

    def _take_airflow(self, line: _Line, requirement: Requirement) -> None:
        extras = sorted(str(canonicalize_name(extra)) for extra in requirement.extras)
        marker = f"; {requirement.marker}" if requirement.marker else ""
        meant = [
            f"{PROVIDER}{EXTRAS[extra]}" if extra in EXTRAS else PLAIN_EXTRAS[extra]
            for extra in extras
            if extra in EXTRAS or extra in PLAIN_EXTRAS
        ]
        others = [extra for extra in extras if extra not in EXTRAS and extra not in PLAIN_EXTRAS]
        for text in dict.fromkeys(meant):
            self._add(Requirement(f"{text}{marker}"))
        said = f"{line.place}: {requirement.name} is left out, Updraft takes its place"
        said += f"; its extras stand for {', '.join(dict.fromkeys(meant))}" if meant else ""
        said += f"; no package here for {', '.join(others)}" if others else ""
        self.notes.append(said)

    def _take_wheel(self, line: _Line, beside: Path) -> None:
        path = self._within(line, line.text, beside)
        try:
            name, *_ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise line.refused("has no name of a wheel: NAME-VERSION-py3-none-any.whl") from error
        try:
            self._count_in(path.name, path.read_bytes())
        except OSError as error:
            raise line.refused(f"cannot be read: {error.strerror}") from error
        self.names.add(name)
        self.requirements.append(f"{name} @ {path.as_uri()}")

    def _within(self, line: _Line, value: str, beside: Path) -> Path:
        on_airflow = next((place for place in _DAGS_FOLDERS if value.startswith(place)), None)
        place = self.folder / value.removeprefix(on_airflow) if on_airflow else beside / value
        path = place.resolve()
        if not value or not path.is_relative_to(self.folder):
            raise line.refused("is not in the DAGs folder: put the file there and name it by its path")
        if not path.is_file():
            raise line.refused("is no file")
        return path

    def _add(self, requirement: Requirement) -> None:
        self.names.add(canonicalize_name(requirement.name))
        self.requirements.append(str(requirement))


def asked_for(dags_folder: Path) -> Asked | None:
    """What ``requirements.txt`` in the folder asks for; None if it asks for nothing, or is not there.

    Raises ``UserPackagesError``, which names the line.
    """
    folder = dags_folder.resolve()
    path = folder / REQUIREMENTS
    if not path.is_file():
        return None
    reader = _Reader(folder)
    if not path.resolve().is_relative_to(folder):
        raise UserPackagesError(f"{REQUIREMENTS} is a link out of the DAGs folder: put the file itself there")
    reader.read(path, is_constraint=False)
    return reader.asked()


def _lines(file: str, text: str) -> Iterator[_Line]:
    """Lines with those that a backslash continues in one; the number is that of the first."""
    parts: list[str] = []
    first = 1
    for number, raw in enumerate(text.splitlines(), 1):
        first = first if parts else number
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            parts.append(raw.removesuffix("\\"))
            continue
        yield _Line(file, first, "".join([*parts, raw]))
        parts = []
    if parts:
        yield _Line(file, first, "".join(parts))


def _index(line: _Line, value: str) -> str:
    """The URL of a package index; variables of the environment in it are pip's to fill in."""
    try:
        parts = urlsplit(_VARIABLE.sub("x", value))
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or re.search(r"[\s'\"\\]", value):
        raise line.refused(
            "is no package index that is taken here: name it by a URL that begins with https://"
        )
    return value


def _why_none(text: str) -> str:
    if "://" in text or "/" in text or "\\" in text:
        return f"is taken from nowhere: {_OTHER_SOURCES}"
    return "is no requirement: write NAME, or NAME==VERSION"
