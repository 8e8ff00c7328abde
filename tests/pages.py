"""The project's pages, and what tests read in them: sections, tables, commands, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

_CODE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
"""A block of code: its language, and its lines."""


def _pages() -> Iterator[Path]:
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "docs").glob("*.md"))


PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in _pages()}
"""All pages by their paths, seen from the project's root."""


def page(name: str) -> str:
    """A page of ``docs/``, by its name without ``.md``."""
    return PAGES[f"docs/{name}.md"]


def on_one_line(text: str) -> str:
    """A text in which a sentence is found whatever its line breaks are."""
    return " ".join(text.split())


def section(text: str, title: str) -> str:
    """What is under a headline, up to the next one of its rank or a higher one."""
    found = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert found, f"there is no headline {title!r}"
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code that are in a language (``sh``, ``python``...), each with its line ends."""
    return [code for found, code in _CODE.findall(text) if found == language]


def commands(text: str) -> list[str]:
    """The lines of the blocks of shell commands."""
    return [line.strip() for block in blocks(text, "sh") for line in block.splitlines()]


def table(text: str, *titles: str) -> list[list[str]]:
    """The rows, without the head, of the only table whose first columns have these titles."""
    (found,) = (rows for rows in _tables(text) if rows[0][: len(titles)] == list(titles))
    return found[2:]


def _tables(text: str) -> Iterator[list[list[str]]]:
    for lines in re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE):
        yield [[cell.strip() for cell in line[1:-1].split("|")] for line in lines.splitlines()]


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def links(text: str) -> list[str]:
    """Where the links of a page lead, as they are written."""
    return re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", _CODE.sub("", text))


def headlines(text: str) -> list[str]:
    """The headlines of a page, of all ranks."""
    return re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The names by which the headlines of a page can be linked to (GitHub's rule)."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headlines(text)}
