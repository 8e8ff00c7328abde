"""The tables, queues, bucket and Fernet key of a stage, created where missing, before ``chalice deploy``.

Nothing is deleted or replaced: the keys of a table cannot change, and the data is the user's.
"""

import time
from collections.abc import Collection

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.resources import StageResources
from chalicelib.deploy.provisioning.bucket import configure_bucket, create_missing_bucket, take_tls_only
from chalicelib.deploy.provisioning.fernet_key import create_missing_key
from chalicelib.deploy.provisioning.queues import configure_queue, create_missing_queues
from chalicelib.deploy.provisioning.tables import configure_table, create_missing_tables


def create_missing(
    resources: StageResources,
    *,
    owner: str | None = None,
    client: aws.ClientFactory = aws.client,
    settle_s: float = 0.0,
    sleep: Sleep = time.sleep,
) -> tuple[str, ...]:
    """Create the tables, queues, bucket and Fernet key that do not exist; the names of those made here.

    When all is there this costs one listing of the tables and a look at each that has an index, one
    listing per queue, a look at the bucket and, of a stage on AWS, one at the key.
    Otherwise it returns once every table is active. It may run beside itself: what another caller
    makes meanwhile is waited for and not in the answer. ``settle_s`` is for how many seconds a new queue is
    left alone; AWS wants ``queues.SETTLES_AFTER_S``.

    Raises ``BucketNameTaken`` when the bucket is another account's than the ``owner``.
    """
    return (
        *create_missing_tables(resources.tables, client("dynamodb"), sleep=sleep),
        *create_missing_queues(resources.queues, client("sqs"), settle_s=settle_s, sleep=sleep),
        *create_missing_bucket(resources.bucket, client("s3"), owner, sleep=sleep),
        *(create_missing_key(resources.fernet_key, client("ssm")) if resources.fernet_key else ()),
    )


def configure(
    resources: StageResources,
    *,
    place: Place,
    without: Collection[str] = (),
    client: aws.ClientFactory = aws.client,
    sleep: Sleep = time.sleep,
) -> None:
    """Bring all resources, which must exist, to the settings that they can change without loss.

    ``create_missing`` does so for what it makes, whose names may be given as ``without``, but for the
    policies of queues and bucket. A deployment does it for the others: that mends what a creation that died
    halfway left undone, and carries a changed timeout to an older stage.
    """
    for table in resources.tables:
        if table.name not in without:
            configure_table(table, client("dynamodb"), sleep=sleep)
    for queue in resources.queues:
        configure_queue(queue, client("sqs"), sleep=sleep)
    if resources.bucket.name not in without:
        configure_bucket(resources.bucket, client("s3"), place.account, sleep=sleep)
    take_tls_only(resources.bucket, client("s3"), place.partition, place.account)
