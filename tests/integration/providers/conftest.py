"""Servers for the tests over provider packages, one of each for all of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator import ministack
from tests.integration.providers.running import installed
from tests.integration.providers.sshd import Sshd, sshd


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    installed()
    with sshd(tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an AWS that has S3."""
    installed()
    with ministack(Path(sys.executable), tmp_path_factory.mktemp("aws"), {}) as started:
        yield started.endpoint
