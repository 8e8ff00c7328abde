"""The versions of the layer with a stage's user packages, published and deleted as ``description`` has them.

A version cannot be changed. Its description tells by a digest what is in it, so nothing else has to be kept
about it, and a version that a killed deployment published is found by the next.
"""

import logging
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.deploy.aws_errors import unless_missing
from chalicelib.deploy.description.layer import (
    MOST_SENT_BYTES,
    UPLOADS,
    Layer,
    description_of,
    layer_name,
    upload_key,
)
from chalicelib.deploy.provisioning.bucket import expecting
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage, architecture

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerVersion:
    """A version of a layer that stands."""

    number: int
    arn: str
    description: str

    @property
    def name(self) -> str:
        """The layer's name with the version's number."""
        return self.arn.split(":", maxsplit=6)[-1]


def standing_versions(stage: str, lambda_: Any) -> tuple[LayerVersion, ...]:
    """The versions of the stage's layer, the newest first; none where there is no layer. 1 request."""
    pages = lambda_.get_paginator("list_layer_versions").paginate(LayerName=layer_name(stage))
    found = [
        LayerVersion(
            number=each["Version"], arn=each["LayerVersionArn"], description=each.get("Description", "")
        )
        for page in pages
        for each in page["LayerVersions"]
    ]
    return tuple(sorted(found, key=lambda version: version.number, reverse=True))


def version_with(digest: str, versions: tuple[LayerVersion, ...]) -> LayerVersion | None:
    """The newest of the versions that has those contents."""
    return next((each for each in versions if each.description == description_of(digest)), None)


def publish_layer(
    layer: Layer, stage: Stage, *, owner: str, client: aws.ClientFactory = aws.client
) -> tuple[str, bool]:
    """Publish the layer, unless a version has its contents; the version's ARN, and whether it is new.

    1 request, or 2; 3 for a layer that is too large to be sent with a request, which goes through the bucket
    of the stage. ``owner`` is the account that has to own the bucket.
    """
    lambda_ = client("lambda")
    standing = version_with(layer.digest, standing_versions(stage.name, lambda_))
    if standing is not None:
        return standing.arn, False
    published = lambda_.publish_layer_version(
        LayerName=layer_name(stage.name),
        Description=description_of(layer.digest),
        Content=_content(layer, stage, owner, client),
        CompatibleRuntimes=[this_runtime()],
        CompatibleArchitectures=[architecture(stage)],
    )
    log.info("Published %s", published["LayerVersionArn"])
    return str(published["LayerVersionArn"]), True


def delete_unwanted(
    stage: Stage, *, keep: str | None, owner: str, client: aws.ClientFactory = aws.client
) -> list[str]:
    """Delete the versions of the stage's layer, but for the newest with the contents ``keep``; their names.

    What lies in the bucket on its way into the layer goes first. A function that has a deleted version goes
    on with it (AWS). 1 request; 3 where there is a layer, and 1 for each version.
    """
    lambda_ = client("lambda")
    standing = standing_versions(stage.name, lambda_)
    if standing:
        _delete_uploads(stage, owner, client("s3"))
    unwanted = unwanted_versions(standing, keep=keep)
    for version in unwanted:  # one that is gone is no error (AWS)
        lambda_.delete_layer_version(LayerName=layer_name(stage.name), VersionNumber=version.number)
    return [version.name for version in unwanted]


def unwanted_versions(versions: tuple[LayerVersion, ...], *, keep: str | None) -> tuple[LayerVersion, ...]:
    """All but the newest with those contents."""
    wanted = None if keep is None else version_with(keep, versions)
    return tuple(version for version in versions if version != wanted)


def _content(layer: Layer, stage: Stage, owner: str, client: aws.ClientFactory) -> dict[str, Any]:
    if layer.zipped_bytes <= MOST_SENT_BYTES:
        return {"ZipFile": layer.path.read_bytes()}
    bucket, key = stage.settings.bucket, upload_key(layer.digest)
    with layer.path.open("rb") as body:
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, **expecting(owner))
    return {"S3Bucket": bucket, "S3Key": key}


def _delete_uploads(stage: Stage, owner: str, s3: Any) -> None:
    """No error where there is no bucket."""
    of_the_stage = {"Bucket": stage.settings.bucket, **expecting(owner)}
    listed = unless_missing(
        lambda: s3.list_objects_v2(Prefix=UPLOADS, **of_the_stage), missing="NoSuchBucket"
    )
    keys = [{"Key": each["Key"]} for each in (listed or {}).get("Contents", ())]
    if keys:
        s3.delete_objects(Delete={"Objects": keys, "Quiet": True}, **of_the_stage)
