"""The layer of a stage's user packages on AWS, published and cleared away."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.deploy.description.layer import Layer
from chalicelib.deploy.packaging.layer import build_layer
from chalicelib.deploy.provisioning.layer import delete_unwanted, publish_layer, standing_versions
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage
from chalicelib.settings import Settings
from tests.unit.deploy.aws_in_memory import PLACE, Aws
from tests.unit.deploy.packages_in_place import in_place

BUCKET = "updraft-dev-bucket"


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / ".chalice").mkdir()
    config = {"lambda_architecture": "arm64", "stages": {"dev": {}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    return Stage(name="dev", project=tmp_path, variables={}, settings=settings)


@pytest.fixture
def layer(tmp_path: Path, stage: Stage) -> Layer:
    return build_layer(in_place(tmp_path / "installed", stage, greeting="TEXT = 'hello'"), stage)


def publish(layer: Layer, stage: Stage, aws: Aws) -> tuple[str, bool]:
    return publish_layer(layer, stage, owner=PLACE.account, client=aws.client)


def delete(stage: Stage, aws: Aws, keep: str | None = None) -> list[str]:
    return delete_unwanted(stage, keep=keep, owner=PLACE.account, client=aws.client)


def objects(aws: Aws) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = aws.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return listed


def test_a_version_says_what_it_is_for_and_is_published_once(layer: Layer, stage: Stage, aws: Aws) -> None:
    arn, is_new = publish(layer, stage, aws)
    assert is_new
    assert publish(layer, stage, aws) == (arn, False)
    (listed,) = aws.client("lambda").list_layer_versions(LayerName="updraft-dev-user-packages")[
        "LayerVersions"
    ]
    assert listed["Description"] == f"User packages {layer.digest}"
    assert listed["CompatibleRuntimes"] == [this_runtime()]
    assert listed["CompatibleArchitectures"] == ["arm64"]
    assert listed.get("LicenseInfo", "") == ""


def test_a_layer_that_is_too_large_for_a_request_goes_through_the_bucket_and_leaves_nothing_there(
    layer: Layer, stage: Stage, aws: Aws
) -> None:
    location = {"LocationConstraint": "eu-west-1"}
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    aws.client("s3").put_object(Bucket=BUCKET, Key="logs/1", Body=b"1", ExpectedBucketOwner=PLACE.account)
    publish(replace(layer, zipped_bytes=50_000_001), stage, aws)
    assert [each["Key"] for each in objects(aws)] == [f"layers/{layer.digest}.zip", "logs/1"]
    assert objects(aws)[0]["Size"] == layer.path.stat().st_size

    assert delete(stage, aws, keep=layer.digest) == []
    assert [each["Key"] for each in objects(aws)] == ["logs/1"]
    assert len(standing_versions("dev", aws.client("lambda"))) == 1


def test_only_the_newest_version_with_the_contents_in_use_is_kept(
    layer: Layer, stage: Stage, aws: Aws
) -> None:
    publish(layer, stage, aws)
    publish(replace(layer, digest="of another"), stage, aws)
    assert delete(stage, aws, keep=layer.digest) == ["updraft-dev-user-packages:2"]
    assert delete(stage, aws) == ["updraft-dev-user-packages:1"]
    assert delete(stage, aws) == []


def test_a_stage_that_has_no_layer_takes_one_request(stage: Stage, aws: Aws) -> None:
    assert delete(stage, aws) == []
    assert aws.calls == ["ListLayerVersions"]
