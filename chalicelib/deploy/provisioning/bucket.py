"""Making the S3 bucket as ``resources`` describes it."""

import logging
from typing import Any, ClassVar

from chalicelib.deploy.busy import error_code
from chalicelib.deploy.description.resources import Bucket
from chalicelib.domain.errors import UpdraftError

log = logging.getLogger(__name__)

NO_PUBLIC_ACCESS = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
"""Closed to the public, whatever a policy or ACL says."""

ENCRYPTION = {"SSEAlgorithm": "AES256"}
"""With S3's own keys (SSE-S3)."""


class BucketNameTaken(UpdraftError):
    """The bucket's name belongs to another AWS account, or these credentials may not see it."""

    code: ClassVar[str] = "bucket_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The S3 bucket {name} cannot be used: all AWS accounts share the names of buckets, and this "
            "one is somebody else's, or these credentials may not see it. "
            "Set UPDRAFT__AWS__BUCKET to a name of your own that starts with updraft-"
        )


def create_missing_bucket(bucket: Bucket, s3: Any) -> list[str]:
    """Create the bucket unless it is there, closed and encrypted; its name if it was made here.

    Raises ``BucketNameTaken``.
    """
    if _exists(bucket, s3) or not _create(bucket, s3):
        return []
    configure_bucket(bucket, s3)
    return [bucket.name]


def configure_bucket(bucket: Bucket, s3: Any) -> None:
    """Close the bucket to the public, whatever a policy or ACL says, and encrypt what it takes."""
    s3.put_public_access_block(
        Bucket=bucket.name,
        PublicAccessBlockConfiguration=NO_PUBLIC_ACCESS,
    )
    s3.put_bucket_encryption(
        Bucket=bucket.name,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": ENCRYPTION}]},
    )


def _exists(bucket: Bucket, s3: Any) -> bool:
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket.name)
    except ClientError as error:
        # A HEAD request has no body, so AWS's code is the status: 404, or 403 for another's bucket.
        if error_code(error) == "403":
            raise BucketNameTaken(bucket.name) from error
        if error_code(error) != "404":
            raise
        return False
    return True


def _create(bucket: Bucket, s3: Any) -> bool:
    """Create the bucket; false when somebody else of this account just did."""
    try:
        s3.create_bucket(Bucket=bucket.name, **_location(s3.meta.region_name))
    except s3.exceptions.BucketAlreadyOwnedByYou:
        return False
    except s3.exceptions.BucketAlreadyExists as error:
        raise BucketNameTaken(bucket.name) from error
    log.info("Created bucket %s", bucket.name)
    return True


def _location(region: str) -> dict[str, Any]:
    if region == "us-east-1":  # which may not be named as a location (AWS)
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
