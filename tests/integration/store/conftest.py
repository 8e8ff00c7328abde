"""The stores under test: memory, DynamoDB by moto (one thread), DynamoDB by ministack (threads)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from chalicelib import aws
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.engine.ports.store import Store
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from chalicelib.store.memory import MemoryStore
from tests.budgets import meter  # noqa: F401 - it sees the clients of sessions made after its import
from tests.emulator import ministack
from tests.integration.store import faults  # noqa: F401 - likewise

_stages = count(1)


def no_sleep(seconds: float) -> None:
    """Between attempts nothing has to pass in a test."""
    assert 0 <= seconds < 2


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
    with pytest.MonkeyPatch.context() as patch, mock_aws(), fresh_clients():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield made_stage()


def empty_tables() -> None:
    """Take out all items of moto's tables; making new tables would take longer than most tests."""
    for table in get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables.values():
        table.items.clear()


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


@contextmanager
def fresh_clients() -> Iterator[None]:
    """Clients are cached for the process: those of a test must not outlive its endpoint."""
    _forget_clients()
    try:
        yield
    finally:
        _forget_clients()


def made_stage() -> Settings:
    """The settings of a new stage whose tables, queues and bucket exist."""
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": f"test{next(_stages)}"})
    create_missing(stage_resources(settings))
    return settings


def _forget_clients() -> None:
    aws.client.cache_clear()
    aws.account.cache_clear()
    aws.session.cache_clear()
