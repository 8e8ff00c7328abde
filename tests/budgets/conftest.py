"""A deployment on moto whose every request is counted."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from moto import mock_aws

from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.settings import Settings
from tests.budgets.deployment import MeteredDeployment
from tests.budgets.rights import STAGE
from tests.moto_aws import empty_tables, fresh_clients

NOON = datetime.fromisoformat("2026-01-01T12:00:00+00:00")


@pytest.fixture
def deployment(stage: Settings) -> MeteredDeployment:
    """Empty tables and the default pool, in a process that has just started."""
    empty_tables()
    return MeteredDeployment(stage, NOON, timedelta(minutes=15))


@pytest.fixture(scope="module")
def stage() -> Iterator[Settings]:
    """A stage whose tables and queues exist; making them takes longer than most tests."""
    settings = Settings.from_environ(
        {"UPDRAFT__AWS__STAGE": STAGE, "AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default"}
    )
    with pytest.MonkeyPatch.context() as patch, mock_aws(), fresh_clients():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        create_missing(stage_resources(settings))
        yield settings
