"""The store on DynamoDB and S3: one room per aggregate, all requests through ``connection``.

May import pynamodb and botocore. A change violates this package when a request goes around
``connection.DynamoDB`` (retries and errors would differ), when a decision costs a second request that
a condition's returned item would have saved, or when a write depends on a read without a condition.
"""

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib import aws
from chalicelib.settings import Settings
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.s3 import Bucket, S3Payloads, S3ProofKey, S3TaskLogs

if TYPE_CHECKING:
    from chalicelib.store.dynamodb.connections import DynamoConnections
    from chalicelib.store.dynamodb.dag_runs import DynamoDagRuns
    from chalicelib.store.dynamodb.dags import DynamoDags
    from chalicelib.store.dynamodb.dataset_queues import DynamoDatasetQueues
    from chalicelib.store.dynamodb.datasets import DynamoDatasetEvents, DynamoDatasets
    from chalicelib.store.dynamodb.kept_answers import DynamoKeptAnswers
    from chalicelib.store.dynamodb.kerberos_replays import DynamoReplays
    from chalicelib.store.dynamodb.lineage import DynamoLineage
    from chalicelib.store.dynamodb.pools import DynamoPools
    from chalicelib.store.dynamodb.task_instances import DynamoTaskInstances
    from chalicelib.store.dynamodb.users import DynamoUsers
    from chalicelib.store.dynamodb.variables import DynamoVariables
    from chalicelib.store.dynamodb.xcoms import DynamoXComs


class DynamoStore:
    """Implements ``engine.ports.store.Store``; safe to share among threads. Made without a request.

    Region, credentials and ``AWS_ENDPOINT_URL`` come from the environment. ``sleep`` (seconds) is what
    it does between the attempts of a request. Used ``by_a_person``, whose policies may allow any bucket, it
    takes only one of the account; that is one request more.
    """

    def __init__(
        self,
        settings: Settings,
        sleep: Callable[[float], None] = time.sleep,
        *,
        by_a_person: bool = False,
    ) -> None:
        self._settings = settings
        self._dynamodb = DynamoDB(sleep)
        self._tables = Tables(self._dynamodb, settings)
        self._bucket = Bucket(settings.bucket, aws.account if by_a_person else None)
        self.payloads = S3Payloads(self._bucket)
        self.task_logs = S3TaskLogs(self._bucket)
        self.proof_key = S3ProofKey(self._bucket)

    # Each room is imported when it is first asked for: no function uses all of them.

    @cached_property
    def connections(self) -> "DynamoConnections":
        from chalicelib.store.dynamodb.connections import DynamoConnections
        from chalicelib.store.fernet_keys import keys_of

        return DynamoConnections(self._tables, keys_of(self._settings))

    @cached_property
    def dag_runs(self) -> "DynamoDagRuns":
        from chalicelib.store.dynamodb.dag_runs import DynamoDagRuns

        return DynamoDagRuns(self._dynamodb, self._tables)

    @cached_property
    def dags(self) -> "DynamoDags":
        from chalicelib.store.dynamodb.dags import DynamoDags

        return DynamoDags(self._tables, self._bucket)

    @cached_property
    def datasets(self) -> "DynamoDatasets":
        from chalicelib.store.dynamodb.datasets import DynamoDatasets

        return DynamoDatasets(self._tables)

    @cached_property
    def dataset_events(self) -> "DynamoDatasetEvents":
        from chalicelib.store.dynamodb.datasets import DynamoDatasetEvents

        return DynamoDatasetEvents(self._tables)

    @cached_property
    def dataset_queues(self) -> "DynamoDatasetQueues":
        from chalicelib.store.dynamodb.dataset_queues import DynamoDatasetQueues

        return DynamoDatasetQueues(self._dynamodb, self._tables)

    @cached_property
    def kept_answers(self) -> "DynamoKeptAnswers":
        from chalicelib.store.dynamodb.kept_answers import DynamoKeptAnswers

        return DynamoKeptAnswers(self._tables)

    @cached_property
    def replays(self) -> "DynamoReplays":
        from chalicelib.store.dynamodb.kerberos_replays import DynamoReplays

        return DynamoReplays(self._tables)

    @cached_property
    def lineage(self) -> "DynamoLineage":
        from chalicelib.store.dynamodb.lineage import DynamoLineage

        return DynamoLineage(self._tables)

    @cached_property
    def pools(self) -> "DynamoPools":
        from chalicelib.store.dynamodb.pools import DynamoPools

        return DynamoPools(self._dynamodb, self._tables)

    @cached_property
    def task_instances(self) -> "DynamoTaskInstances":
        from chalicelib.store.dynamodb.task_instances import DynamoTaskInstances

        return DynamoTaskInstances(self._tables)

    @cached_property
    def users(self) -> "DynamoUsers":
        from chalicelib.store.dynamodb.users import DynamoUsers

        return DynamoUsers(self._dynamodb, self._tables)

    @cached_property
    def variables(self) -> "DynamoVariables":
        from chalicelib.store.dynamodb.variables import DynamoVariables

        return DynamoVariables(self._tables)

    @cached_property
    def xcoms(self) -> "DynamoXComs":
        from chalicelib.store.dynamodb.xcoms import DynamoXComs

        return DynamoXComs(self._tables, self.payloads)
