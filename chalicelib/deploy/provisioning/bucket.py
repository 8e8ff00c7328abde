"""The S3 bucket, made as ``description`` has it.

All AWS accounts share the names of buckets. Where an ``owner`` is given, S3 answers 403 when the bucket is
another account's (``ExpectedBucketOwner``), even one that would let us in.
"""

import json
import logging
import time
from functools import partial
from typing import Any, ClassVar

from chalicelib.deploy.aws_errors import PAUSE_S, Sleep, error_code, when_not_busy
from chalicelib.deploy.description.resource_policy import TLS_ONLY, bucket_statement, merged
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

CONFLICT = ("OperationAborted", "ConditionalRequestConflict")
"""409: another change of the bucket is being carried out, its creation or deletion among them. botocore does
not try that again."""

_NOT_READY = (*CONFLICT, "NoSuchBucket")
"""Of a bucket that was just made."""

_ATTEMPTS = 60  # of 2 seconds: a deleted bucket's name may take its time to be free


class BucketNameTaken(UpdraftError):
    """The bucket's name belongs to another AWS account, or these credentials may not see it."""

    code: ClassVar[str] = "bucket_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The S3 bucket {name} cannot be used: all AWS accounts share the names of buckets, and this "
            "one is somebody else's, or these credentials may not see it. "
            "Set UPDRAFT__AWS__BUCKET to a name of your own"
        )


def expecting(owner: str | None) -> dict[str, str]:
    """The parameter by which S3 refuses a bucket that is not the account's; none locally: all is ours."""
    return {"ExpectedBucketOwner": owner} if owner else {}


def create_missing_bucket(
    bucket: Bucket, s3: Any, owner: str | None = None, *, sleep: Sleep = time.sleep
) -> list[str]:
    """Create the bucket unless it is there, closed and encrypted; its name if it was made here.

    Raises ``BucketNameTaken``.
    """
    if bucket_exists(bucket, s3, owner) or not _create(bucket, s3, sleep):
        return []
    configure_bucket(bucket, s3, owner, sleep=sleep)
    return [bucket.name]


def configure_bucket(bucket: Bucket, s3: Any, owner: str | None = None, *, sleep: Sleep = time.sleep) -> None:
    """Close the bucket to the public, whatever a policy or ACL says, and encrypt what it takes."""
    close = partial(
        s3.put_public_access_block,
        Bucket=bucket.name,
        PublicAccessBlockConfiguration=NO_PUBLIC_ACCESS,
        **expecting(owner),
    )
    encrypt = partial(
        s3.put_bucket_encryption,
        Bucket=bucket.name,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": ENCRYPTION}]},
        **expecting(owner),
    )
    for call in (close, encrypt):
        when_not_busy(call, busy=_NOT_READY, sleep=sleep)


def take_tls_only(bucket: Bucket, s3: Any, partition: str, owner: str) -> None:
    """Have the bucket, which must exist, refuse what comes without TLS; its other statements stay."""
    standing = bucket_policy(bucket, s3, owner)
    policy = merged(standing, [bucket_statement(partition, bucket.name)], (TLS_ONLY,))
    if policy != standing:
        s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(policy), **expecting(owner))


def bucket_policy(bucket: Bucket, s3: Any, owner: str) -> dict[str, Any]:
    """The policy of the bucket as it stands; empty where it has none. 1 request."""
    from botocore.exceptions import ClientError

    try:
        answer = s3.get_bucket_policy(Bucket=bucket.name, **expecting(owner))
    except ClientError as error:
        if error_code(error) != "NoSuchBucketPolicy":
            raise
        return {}
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy


def bucket_exists(bucket: Bucket, s3: Any, owner: str | None = None) -> bool:
    """Whether the bucket is there. 1 request. Raises ``BucketNameTaken`` if it is another account's."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket.name, **expecting(owner))
    except ClientError as error:
        # A HEAD request has no body, so AWS's code is the status: 404, or 403 for another's bucket.
        if error_code(error) == "403":
            raise BucketNameTaken(bucket.name) from error
        if error_code(error) != "404":
            raise
        return False
    return True


def _create(bucket: Bucket, s3: Any, sleep: Sleep) -> bool:
    """Create the bucket; false when another caller of this account just did.

    S3 may call a bucket ours that is no more: it was deleted a moment ago.
    """
    create = partial(s3.create_bucket, Bucket=bucket.name, **_location(s3.meta.region_name))
    for attempt in range(_ATTEMPTS):
        try:
            when_not_busy(create, busy=CONFLICT, attempts=_ATTEMPTS, sleep=sleep)
        except s3.exceptions.BucketAlreadyOwnedByYou:
            if attempt == _ATTEMPTS - 1 or not _is_gone(bucket, s3):
                return False
            sleep(PAUSE_S)
        except s3.exceptions.BucketAlreadyExists as error:
            raise BucketNameTaken(bucket.name) from error
        else:
            break
    log.info("Created bucket %s", bucket.name)
    return True


def _is_gone(bucket: Bucket, s3: Any) -> bool:
    """Whether there is no such bucket, whatever was said of it before; needs the same right as a HEAD."""
    try:
        s3.list_objects_v2(Bucket=bucket.name, MaxKeys=1)
    except s3.exceptions.NoSuchBucket:
        return True
    return False


def _location(region: str) -> dict[str, Any]:
    if region == "us-east-1":  # which may not be named as a location (AWS)
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
