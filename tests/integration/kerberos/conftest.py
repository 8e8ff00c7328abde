"""One realm for all tests. Without a KDC they are skipped, or fail where one is called for."""

from collections.abc import Iterator

import pytest

from tests.integration.kerberos.realm import KDC, Realm, what_is_missing


@pytest.fixture(scope="session")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    missing = what_is_missing()
    if missing:
        KDC.is_not_met(missing)
    started = Realm(tmp_path_factory.mktemp("realm"))
    try:
        yield started
    finally:
        started.stop()
