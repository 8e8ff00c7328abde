"""Creating what a stage needs and does not have yet.

Nothing is deleted or replaced: the keys of a table cannot change, and the data is the user's.
"""

from chalicelib import aws
from chalicelib.deploy.description.place import Place
from chalicelib.deploy.description.resources import StageResources
from chalicelib.deploy.provisioning.bucket import configure_bucket, create_missing_bucket, take_tls_only
from chalicelib.deploy.provisioning.queues import configure_queue, create_missing_queues
from chalicelib.deploy.provisioning.tables import configure_table, create_missing_tables


def create_missing(
    resources: StageResources, *, owner: str | None = None, client: aws.ClientFactory = aws.client
) -> tuple[str, ...]:
    """Create the tables, queues and bucket that do not exist; return the names of those made here.

    When all is there this costs one listing of the tables and a look at each that has an index, one
    listing per queue and a look at the bucket.
    Otherwise it returns once every table is active. It may run beside itself: what another caller
    makes meanwhile is waited for and not in the answer.

    Raises ``BucketNameTaken`` when the bucket is another account's than the ``owner``.
    """
    return (
        *create_missing_tables(resources.tables, client("dynamodb")),
        *create_missing_queues(resources.queues, client("sqs")),
        *create_missing_bucket(resources.bucket, client("s3"), owner),
    )


def configure(resources: StageResources, *, place: Place, client: aws.ClientFactory = aws.client) -> None:
    """Bring all resources, which must exist, to the settings that they can change without loss.

    ``create_missing`` does so for what it makes, but for the policies of queues and bucket. A deployment
    does it for all: that mends what a creation that died halfway left undone, and carries a changed timeout
    to an older stage.
    """
    for table in resources.tables:
        configure_table(table, client("dynamodb"))
    for queue in resources.queues:
        configure_queue(queue, client("sqs"))
    configure_bucket(resources.bucket, client("s3"), place.account)
    take_tls_only(resources.bucket, client("s3"), place.partition, place.account)
