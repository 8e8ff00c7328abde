"""An account of moto's for each test."""

from collections.abc import Iterator

import pytest

from tests.moto_aws import moto_account


@pytest.fixture
def account() -> Iterator[None]:
    with moto_account():
        yield
