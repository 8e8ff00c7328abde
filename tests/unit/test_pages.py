"""The pages as they are written: sizes, links, what they name, and what holds each of their commands."""

import os
import re

import pytest

from chalicelib.api.experimental.openapi.document import document
from tests.pages import PAGES, ROOT, anchors, blocks, commands, headlines, links, quoted, table

LARGEST = {"README.md": 10_000, "CONTRIBUTING.md": 15_000}
"""Bytes of pages that are to be read as a whole."""

HELD_BY = {
    r"make run( +#.*)?": "tests/integration/server/test_start.py",
    r"make test": ".ci/run",
    r"make (deploy|doctor|destroy|package) STAGE=dev": "tests/unit/cli/deployment/test_deploy_commands.py",
    r"make (lint|e2e)": ".ci/run",
    r"\.ci/run": ".ci/run",
    r"curl .*": "tests/integration/server/test_pages.py",
    r"export AIRFLOW__API__AUTH_BACKEND=.*": "tests/integration/server/test_pages.py",
    r"\S+python -m chalicelib (events send|tasks logs|users create) .*": (
        "tests/integration/server/test_pages.py"
    ),
    # These are examples of the commands' own helps, which are run.
    r"\S+python -m chalicelib (dags backfill|dags list-import-errors|dags test|tasks test|simulate) .*": (
        "tests/integration/server/test_command_line.py"
    ),
    r'eval "\$\(\S+python -m chalicelib completion bash\)"': "tests/integration/server/test_command_line.py",
    r"\S+python -m chalicelib policy suggest .*": "tests/integration/server/test_command_line.py",
    r"\S+python -m chalicelib deploy --stage dev --dry-run": "tests/e2e/test_package.py",
    r"\S+python -m chalicelib destroy --stage dev --data": "tests/e2e/test_cloudformation.py",
    r"\S+python -m chalicelib sync --stage dev": "tests/e2e/test_cloudformation.py",
    r"aws cloudformation (package|deploy) .*": "tests/e2e/test_cloudformation.py",
    r"\S+python -m chalicelib connections add .*": "tests/unit/cli/test_connections_command.py",
    r"aws ssm put-parameter .*fernet_key .*": "tests/conformance/test_connections.py",
    r"UPDRAFT__AWS__STAGE=dev \S+python -m chalicelib rotate-fernet-key": (
        "tests/conformance/test_connections.py"
    ),
    r"aws secretsmanager create-secret .*": "tests/integration/store/test_keytabs.py",
    r"kadmin -q '(addprinc|ktadd) .*'": "tests/integration/kerberos/realm.py",
    r"\.venv/bin/python -m pytest .*": "tests/unit/test_pages.py",
}
"""What runs the commands of the blocks of shell commands, or what the pages say of them."""


def links_between_pages() -> list[tuple[str, str]]:
    return [
        (name, link)
        for name, text in PAGES.items()
        for link in links(text)
        if not re.match(r"https?://", link)
    ]


@pytest.mark.parametrize("name", LARGEST)
def test_a_page_that_is_to_be_read_as_a_whole_is_short(name: str) -> None:
    assert len(PAGES[name].encode()) <= LARGEST[name]


@pytest.mark.parametrize(("name", "link"), links_between_pages())
def test_a_link_leads_somewhere(name: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
    assert (ROOT / target).exists()
    assert not anchor or anchor in anchors(PAGES[target])


def test_every_page_is_linked_from_the_readme() -> None:
    assert PAGES.keys() - {"README.md"} - set(links(PAGES["README.md"])) == set()


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"CHANGELOG.md"}))
def test_headlines_of_a_page_are_told_apart(name: str) -> None:
    """Or a link would lead to the first of two; each release of the changelog has the same parts."""
    titles = headlines(PAGES[name])
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("line", sorted({line for text in PAGES.values() for line in commands(text)}))
def test_every_command_is_held_by_a_test(line: str) -> None:
    (holder,) = (holder for pattern, holder in HELD_BY.items() if re.fullmatch(pattern, line))
    assert (ROOT / holder).exists()


def test_nothing_is_held_that_no_page_says() -> None:
    lines = [line for text in PAGES.values() for line in commands(text)]
    assert [pattern for pattern in HELD_BY if not any(re.fullmatch(pattern, line) for line in lines)] == []


def test_every_test_that_a_command_names_exists() -> None:
    lines = [line for text in PAGES.values() for line in commands(text) if " -m pytest " in line]
    named = [word for line in lines for word in line.split() if word.startswith("tests/")]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_path_of_curl_is_the_apis() -> None:
    paths = {re.sub(r"\{\w+\}", "[^/]+", path) for path in document()["paths"]}
    asked = [line for text in PAGES.values() for line in commands(text) if line.startswith("curl ")]
    assert asked
    for line in asked:
        (path,) = re.findall(r"/api/experimental(/\S*)", line)
        assert any(re.fullmatch(known, path) for known in paths), line


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {name for text in PAGES.values() for name in re.findall(r"`make ([a-z0-9-]+)", text)} | {
        line.split()[1] for text in PAGES.values() for line in commands(text) if line.startswith("make ")
    }
    assert named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"CHANGELOG.md"}))
def test_every_file_that_a_page_names_exists(name: str) -> None:
    named = re.findall(r"`((?:chalicelib|tests|docs|\.chalice|\.ci)/[\w./-]*)`", PAGES[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_map_of_the_house_has_every_room() -> None:
    (drawn,) = (block for block in blocks(PAGES["README.md"], "") if block.startswith("app.py"))
    mapped = set(re.findall(r"^  ([a-z_]+(?:/|\.py))", drawn, re.MULTILINE))
    mapped |= set(re.findall(r"(?<= )[a-z_]+\.py(?= )", drawn))
    present = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "chalicelib").iterdir()
        if not path.name.startswith("__") and (path.is_file() or any(path.glob("*.py")))
    }
    assert mapped == present


def test_the_tiers_are_the_folders_of_tests() -> None:
    listed = {quoted(row[0])[0] for row in table(PAGES["CONTRIBUTING.md"], "folder", "I/O it may do")}
    present = {
        f"tests/{path.name}"
        for path in (ROOT / "tests").iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    }
    assert listed == present
