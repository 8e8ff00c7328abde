"""What several tests of deployments start from."""

from collections.abc import Iterator

import pytest

from tests.unit.deploy.event_services import Clients, event_services


@pytest.fixture
def clients() -> Iterator[Clients]:
    """Clients of an AWS that has what ``event_services`` makes."""
    with event_services() as made:
        yield made
