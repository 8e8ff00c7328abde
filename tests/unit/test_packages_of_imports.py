"""The page of provider packages: which package an import leads to."""

import pytest

from chalicelib.authoring.airflow_names.advice import package_of
from chalicelib.authoring.airflow_names.provider_modules import PROVIDERS, moved_module
from tests.pages import page, section, table

ROWS = table(section(page("providers"), "What goes into requirements.txt"), "import", "package")


@pytest.mark.parametrize(("imported", "package"), [[cell.strip("`") for cell in row] for row in ROWS])
def test_an_import_leads_to_the_package_that_the_page_names(imported: str, package: str) -> None:
    module = moved_module(imported) or imported
    assert module.startswith(f"{PROVIDERS}.")
    assert package_of(module.removeprefix(f"{PROVIDERS}.")) == package
