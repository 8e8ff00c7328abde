"""AWS in this process, by moto: a stage on it, and tables emptied between tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from chalicelib import aws
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.settings import Settings
from tests.quick_moto import work_out_once

_stages = count(1)

work_out_once()


def no_sleep(seconds: float) -> None:
    """Between attempts nothing has to pass in a test."""
    assert 0 <= seconds < 2


@contextmanager
def moto_account() -> Iterator[None]:
    """An account of moto's that holds nothing yet, and no client from before."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), fresh_clients():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@contextmanager
def fresh_clients() -> Iterator[None]:
    """Clients are cached for the process: those of a test must not outlive its endpoint."""
    _forget_clients()
    try:
        yield
    finally:
        _forget_clients()


def _forget_clients() -> None:
    aws.client.cache_clear()
    aws.account.cache_clear()
    aws.session.cache_clear()


def made_stage() -> Settings:
    """The settings of a new stage whose tables, queues and bucket exist."""
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": f"test{next(_stages)}"})
    create_missing(stage_resources(settings))
    return settings


def empty_tables() -> None:
    """Take out all items of moto's tables; making new tables would take longer than most tests."""
    for table in get_backend("dynamodb")[DEFAULT_ACCOUNT_ID]["us-east-1"].tables.values():
        table.items.clear()
