"""``.airflowignore``: what of a DAGs folder holds no DAG files.

A line is a pattern, and counts in its folder and in those inside it; what stands behind ``#`` does not count.
``[core] dag_ignore_file_syntax`` says whether patterns are regular expressions, which match anywhere in the
path below the DAGs folder, or globs, as in ``.gitignore``.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.authoring.surroundings.configuration import conf

IGNORE_FILE = ".airflowignore"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    place: Path | None
    """The folder from which the path is matched; None: only the name is."""
    is_of_folders: bool = False
    includes: bool = False
    """Whether what matches is no longer ignored."""

    def matches(self, path: Path, *, is_folder: bool) -> bool:
        if self.is_of_folders and not is_folder:
            return False
        text = path.name if self.place is None else path.relative_to(self.place).as_posix()
        return self.pattern.search(text) is not None


def files_not_ignored(folder: Path, suffix: str) -> Iterator[Path]:
    """The files of a folder and those inside it with this suffix, by path, without those ignored."""
    is_glob = conf.get("core", "dag_ignore_file_syntax") == "glob"
    yield from sorted(_walk(folder, folder, (), suffix, is_glob=is_glob))


def _walk(
    folder: Path, top: Path, inherited: Sequence[_Rule], suffix: str, *, is_glob: bool
) -> Iterator[Path]:
    rules = (*inherited, *_rules_in(folder, top, is_glob=is_glob))
    for path in _entries(folder):
        is_folder = path.is_dir() and not path.is_symlink()
        if _is_ignored(path, rules, is_folder=is_folder):
            continue
        if is_folder:
            yield from _walk(path, top, rules, suffix, is_glob=is_glob)
        elif path.suffix == suffix:
            yield path


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it may not be read, or was removed meanwhile."""
    try:
        return list(folder.iterdir())
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        return []


def _is_ignored(path: Path, rules: Sequence[_Rule], *, is_folder: bool) -> bool:
    """The last rule that matches decides."""
    found = [rule for rule in rules if rule.matches(path, is_folder=is_folder)]
    return bool(found) and not found[-1].includes


def _rules_in(folder: Path, top: Path, *, is_glob: bool) -> Iterator[_Rule]:
    file = folder / IGNORE_FILE
    if not file.is_file():
        return
    for line in file.read_text(errors="replace").splitlines():
        pattern = re.sub(r"\s*#.*", "", line).strip()
        if pattern.strip("/"):
            rule = _glob(pattern, folder) if is_glob else _regexp(pattern, top, file)
            yield from () if rule is None else (rule,)


def _regexp(pattern: str, top: Path, file: Path) -> _Rule | None:
    try:
        return _Rule(pattern=re.compile(pattern), place=top)
    except re.error as error:
        log.warning("Ignoring invalid regex %r from %s: %s", pattern, file, error)
        return None


def _glob(pattern: str, folder: Path) -> _Rule:
    includes, pattern = pattern.startswith("!"), pattern.removeprefix("!")
    is_placed = "/" in pattern.rstrip("/")
    return _Rule(
        pattern=re.compile("".join(_translated(pattern.strip("/")))),
        place=folder if is_placed else None,
        is_of_folders=pattern.endswith("/"),
        includes=includes,
    )


def _translated(pattern: str) -> Iterator[str]:
    """A regular expression for all of a text; ``*`` and ``?`` stand for what is no ``/``."""
    yield r"\A"
    for part in re.findall(r"\*\*/|/\*\*\Z|\*+|\?|\[[^\]]+\]|.", pattern):
        if part == "**/":
            yield "(?:[^/]+/)*"
        elif part == "/**":
            yield "/.+"
        elif part.startswith("["):
            yield "[" + part[1:-1].replace("\\", r"\\").replace("!", "^", 1) + "]"
        else:
            yield {"*": "[^/]*", "?": "[^/]"}.get(part[0], re.escape(part))
    yield r"\Z"
