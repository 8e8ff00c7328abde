"""A DAGs folder for each test."""

from pathlib import Path

import pytest

from tests.integration.user_code.trying import Tried


@pytest.fixture
def tried(tmp_path: Path) -> Tried:
    folder = tmp_path / "dags"
    folder.mkdir()
    return Tried(folder)
