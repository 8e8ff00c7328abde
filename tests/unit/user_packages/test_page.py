"""The page on packages: its table of versions is the rules'."""

from packaging.requirements import Requirement

from chalicelib.user_packages.rules import BOUNDS_OF_AIRFLOW, BOUNDS_OF_UPDRAFT
from tests.pages import page, table


def test_the_page_lists_the_versions_that_are_taken() -> None:
    rules = [
        *((line, "Updraft") for line in BOUNDS_OF_UPDRAFT),
        *((line, "provider packages") for line in BOUNDS_OF_AIRFLOW),
    ]
    expected = [
        [f"`{requirement.name}`", f"`{requirement.specifier}`", whose]
        for requirement, whose in ((Requirement(line), whose) for line, whose in rules)
    ]
    assert table(page("writing-dags"), "package", "versions", "for") == expected
