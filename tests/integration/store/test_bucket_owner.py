"""Whose bucket it has to be: a person's credentials may let them into a stranger's."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore import handlers
from click.testing import CliRunner

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.settings import Settings
from chalicelib.store.dynamodb import DynamoStore
from tests.moto_aws import moto_account

LARGE = "x" * 100_000
SETTINGS = Settings.from_environ({"UPDRAFT__AWS__STAGE": "owned"})

asked: list[dict[str, Any]] = []
handlers.BUILTIN_HANDLERS.append(("provide-client-params.s3", lambda params, **_: asked.append(params)))


@pytest.fixture(scope="module")
def stage() -> Iterator[None]:
    with moto_account():
        create_missing(stage_resources(SETTINGS))
        yield


@pytest.fixture
def requests(stage: None) -> list[dict[str, Any]]:
    """The parameters of what is asked of S3 from now on."""
    asked.clear()
    return asked


def test_a_person_takes_only_the_accounts_own_bucket(requests: list[dict[str, Any]]) -> None:
    payloads = DynamoStore(SETTINGS, by_a_person=True).payloads
    kept = payloads.keep("conf/1", LARGE)
    assert payloads.read(kept) == LARGE
    assert [each["ExpectedBucketOwner"] for each in requests] == ["123456789012"] * 2


def test_a_command_acts_for_a_person(
    requests: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = random.Random(0).randbytes(40_000).hex()  # more than stays in an item
    (tmp_path / "large.py").write_text(
        f"from airflow import DAG\ndag = DAG('large', schedule=None)\n# {code}\n"
    )
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", SETTINGS.stage)
    bootstrap._store_on_aws.cache_clear()
    bootstrap._engine_on_aws.cache_clear()

    with bootstrap.use(settings=replace(SETTINGS, dags_folder=tmp_path)):
        done = CliRunner().invoke(updraft, ["sync"], catch_exceptions=False)

    bootstrap._store_on_aws.cache_clear()
    bootstrap._engine_on_aws.cache_clear()
    assert (done.exit_code, done.output) == (0, "1 DAGs: large\n")
    assert [each["ExpectedBucketOwner"] for each in requests] == ["123456789012"]


def test_a_function_leaves_that_to_its_policy_which_costs_no_request(requests: list[dict[str, Any]]) -> None:
    payloads = DynamoStore(SETTINGS).payloads
    payloads.keep("conf/1", LARGE)
    assert [each.keys() for each in requests] == [{"Bucket", "Key", "Body"}]
