"""One realm for all tests. Without a KDC they are skipped, or fail where one is called for."""

import os
from collections.abc import Iterator

import pytest

from tests.integration.kerberos.realm import PACKAGES, Realm, what_is_missing

NEEDED = "UPDRAFT_TESTS_NEED_A_KDC"
"""Set by `.ci/run`, which installs the packages: a test that is skipped there has tested nothing."""


@pytest.fixture(scope="session")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    missing = what_is_missing()
    if missing:
        reason = f"Kerberos was not tested: {missing} (Debian: apt-get install {PACKAGES})"
        if os.environ.get(NEEDED):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    started = Realm(tmp_path_factory.mktemp("realm"))
    try:
        yield started
    finally:
        started.stop()
