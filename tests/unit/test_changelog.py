"""The changelog: its form is that of Keep a Changelog, and its newest release is our version."""

import re
from datetime import date

import chalicelib
from tests.pages import PAGES, section

TITLES = re.findall(r"^## (.+)$", PAGES["CHANGELOG.md"], re.MULTILINE)
PARTS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def releases() -> list[tuple[tuple[int, ...], date]]:
    """Version and day of each release, newest first."""
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", title) for title in TITLES[1:]]
    assert all(found)
    return [
        (tuple(int(number) for number in each.groups()[:3]), date.fromisoformat(each[4]))
        for each in found
        if each
    ]


def test_the_newest_release_is_our_version() -> None:
    (newest, _), *_ = releases()
    assert chalicelib.__version__ == ".".join(map(str, newest))


def test_releases_follow_each_other_below_what_is_unreleased() -> None:
    assert TITLES[0] == "[Unreleased]"
    assert releases() == sorted(set(releases()), reverse=True)


def test_each_release_says_what_kind_of_change_each_is() -> None:
    for title in TITLES:
        parts = re.findall(r"^### (.+)$", section(PAGES["CHANGELOG.md"], title), re.MULTILINE)
        assert parts
        assert parts == [part for part in PARTS if part in parts]
