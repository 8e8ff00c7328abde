"""The stores under test: memory, DynamoDB by moto (one thread), DynamoDB by ministack (threads)."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.engine.ports.store import Store
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from chalicelib.store.memory import MemoryStore
from tests import meter  # noqa: F401 - it sees the clients of sessions made after its import
from tests.conformance import faults  # noqa: F401 - likewise
from tests.emulator import ministack
from tests.moto_aws import empty_tables, fresh_clients, made_stage, moto_account, no_sleep


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each implementation in turn: what holds for one has to hold for the other."""
    if request.param == "memory":
        return MemoryStore()
    dynamo: DynamoStore = request.getfixturevalue("dynamo")
    return dynamo


@pytest.fixture
def dynamo(moto_settings: Settings) -> DynamoStore:
    """The store over moto's AWS, empty and as in a process of its own: it has read nothing yet."""
    empty_tables()
    return DynamoStore(moto_settings, sleep=no_sleep)


@pytest.fixture(scope="module")
def moto_store(moto_settings: Settings) -> DynamoStore:
    """The store over moto's AWS, one for all tests of a module."""
    return DynamoStore(moto_settings, sleep=no_sleep)


@pytest.fixture(scope="module")
def moto_settings() -> Iterator[Settings]:
    """Those of a stage that moto's AWS has in this process."""
    with moto_account():
        yield made_stage()


@pytest.fixture
def emulated(emulator_clients: None) -> DynamoStore:
    """The store over the emulator, on tables of its own; its transactions hold among threads."""
    return DynamoStore(made_stage(), sleep=no_sleep)


@pytest.fixture(scope="module")
def emulator_clients(emulator: str) -> Iterator[None]:
    """Clients that the emulator answers."""
    with pytest.MonkeyPatch.context() as patch, fresh_clients():
        patch.setenv("AWS_ENDPOINT_URL", emulator)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a ministack in a child process."""
    with ministack(Path(sys.executable), tmp_path_factory.mktemp("ministack"), {}) as running:
        yield running.endpoint
