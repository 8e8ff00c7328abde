"""``.airflowignore``: files of the DAGs folder that are not looked at, in both syntaxes of Airflow's."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.authoring.exceptions import AirflowConfigException

log = logging.getLogger(__name__)

IGNORE_FILE = ".airflowignore"

_COMMENT = re.compile(r"\s*#.*")
_UNESCAPED_SPACES_AT_THE_END = re.compile(r"(?<!\\)\s+$")
_WILDCARD = re.compile(r"\*+|\?|\[!?\]?[^\]/]*\]|\\.|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    pattern: re.Pattern[str]
    ignores: bool = True
    """False of a line that begins with ``!``: it takes back what a line before it says."""
    relative_to: Path | None = None
    """What paths are told from; None: the pattern is for a name alone, in whatever folder."""
    of_folders: bool = False
    """Whether only folders are meant."""

    def matches(self, path: Path) -> bool:
        """Whether the line is about a path."""
        name = path.name if self.relative_to is None else path.relative_to(self.relative_to).as_posix()
        if self.of_folders and path.is_dir():
            name += "/"
        return self.pattern.search(name) is not None


def files_not_ignored(folder: Path, syntax: str) -> Iterator[Path]:
    """The files of a folder, an absolute path, and of all folders in it that no ``.airflowignore`` names.

    ``syntax`` is ``regexp`` or ``glob``, as ``[core] dag_ignore_file_syntax`` says; raises
    ``AirflowConfigException`` for another one. A file's lines hold for its folder and what is below. Lines in
    the syntax of regular expressions are searched for in the path from ``folder`` on, wherever the file is;
    globs are those of ``.gitignore``, told from the file's own folder. All as in Airflow.
    """
    if syntax not in _RULES:
        raise AirflowConfigException(
            f"Unsupported ignore_file_syntax: {syntax}. [core] dag_ignore_file_syntax is regexp or glob"
        )
    rules_in: dict[str, Sequence[Rule]] = {}
    for root, folders, names in os.walk(folder):
        own = _rules_of(Path(root), folder, _RULES[syntax])
        rules = list(dict.fromkeys([*rules_in.pop(root, ()), *own]))  # one that comes again keeps its place
        folders[:] = [name for name in folders if not _is_ignored(Path(root, name), rules)]
        rules_in |= {os.path.join(root, name): rules for name in folders}
        paths = (Path(root, name) for name in names if name != IGNORE_FILE)
        yield from (path for path in paths if not _is_ignored(path, rules))


def _is_ignored(path: Path, rules: Sequence[Rule]) -> bool:
    """The last line that is about a path decides."""
    return next((rule.ignores for rule in reversed(rules) if rule.matches(path)), False)


def _rules_of(folder: Path, whole: Path, rule_of: Callable[[str, Path, Path], Rule | None]) -> Iterator[Rule]:
    path = folder / IGNORE_FILE
    if not path.is_file():
        return
    for line in path.read_text(errors="replace").split("\n"):
        text = _COMMENT.sub("", line)
        if not text:
            continue
        try:
            rule = rule_of(text, whole, folder)
        except re.error as error:
            log.warning("Ignoring invalid regex %r from %s: %s", text, path.relative_to(whole), error)
            continue
        if rule is not None:
            yield rule


def _regexp(line: str, whole: Path, _: Path) -> Rule:
    return Rule(re.compile(line), relative_to=whole)


def _glob(line: str, _: Path, folder: Path) -> Rule | None:
    text = _UNESCAPED_SPACES_AT_THE_END.sub("", line)
    ignores = not text.startswith("!")
    pattern = text if ignores else text[1:]
    if not pattern.strip("/"):
        return None
    is_of_a_place = "/" in text.rstrip("/")
    return Rule(
        re.compile(_expression(pattern, is_of_a_place=is_of_a_place)),
        ignores=ignores,
        relative_to=folder if is_of_a_place else None,
        of_folders=text.endswith("/"),
    )


def _expression(pattern: str, *, is_of_a_place: bool) -> str:
    """The regular expression of a glob as ``.gitignore`` has them."""
    parts = [part for part in pattern.split("/") if part]
    found = "" if is_of_a_place else "(?:.+/)?"
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            found += ".*" if is_last else "(?:.+/)?"
        elif is_last:
            found += _expression_of_name(part)
        else:
            found += _expression_of_name(part) + "/"
    if pattern.endswith("/"):
        return f"^{found}/.*$"
    return f"^{found}$" if parts[-1] == "**" else f"^{found}(?:/.*)?$"


def _expression_of_name(part: str) -> str:
    if part == "*":
        return "[^/]+"
    return "".join(_expression_of(piece) for piece in _WILDCARD.findall(part))


def _expression_of(piece: str) -> str:
    if piece.startswith("*"):
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) > 1 and piece.startswith("["):
        inner = piece[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner[:1] in ("!", "^") else f"[{inner}]"
    return re.escape(piece[-1])


_RULES: dict[str, Callable[[str, Path, Path], Rule | None]] = {"regexp": _regexp, "glob": _glob}
