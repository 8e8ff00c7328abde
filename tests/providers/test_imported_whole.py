"""Provider packages are imported whole: each module of theirs that DAG files may name, by a fresh process."""

import pytest

from tests.pages import page, section, table
from tests.providers.compatibility import TITLES, rows_of
from tests.providers.sets import IN_CI


@pytest.mark.parametrize("name", [*IN_CI, "large"])
def test_the_page_says_what_of_each_package_is_imported(name: str) -> None:
    rows = table(section(page("providers"), f"Set {name}"), *TITLES)
    assert rows == rows_of(name)
