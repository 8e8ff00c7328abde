"""Servers for the tests over provider packages, one of each for all of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator import ministack
from tests.providers.kinds.sshd import Sshd, sshd
from tests.providers.sets import folder_of


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder_of("A")
    with sshd(tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """A connection to an AWS of the tests' own."""
    folder_of("A")
    with ministack(Path(sys.executable), tmp_path_factory.mktemp("aws"), {}) as started:
        yield {
            "conn_type": "aws",
            "login": "testing",
            "password": "testing",
            "extra": {"region_name": "us-east-1", "endpoint_url": started.endpoint},
        }
