"""The store on DynamoDB and S3: one room per aggregate, all requests through ``connection``.

May import pynamodb and botocore. A change violates this package when a request goes around
``connection.DynamoDB`` (retries and errors would differ), when a decision costs a second request that
a condition's returned item would have saved, or when a write depends on a read without a condition.
"""

import time
from collections.abc import Callable

from chalicelib import aws
from chalicelib.settings import Settings
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.dag_runs import DynamoDagRuns
from chalicelib.store.dynamodb.dags import DynamoDags
from chalicelib.store.dynamodb.kept_answers import DynamoKeptAnswers
from chalicelib.store.dynamodb.kerberos_replays import DynamoReplays
from chalicelib.store.dynamodb.lineage import DynamoLineage
from chalicelib.store.dynamodb.pools import DynamoPools
from chalicelib.store.dynamodb.tables import Tables
from chalicelib.store.dynamodb.task_instances import DynamoTaskInstances
from chalicelib.store.dynamodb.users import DynamoUsers
from chalicelib.store.dynamodb.variables import DynamoVariables
from chalicelib.store.dynamodb.xcoms import DynamoXComs
from chalicelib.store.s3 import Bucket, S3Payloads, S3ProofKey, S3TaskLogs


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
        dynamodb = DynamoDB(sleep)
        tables = Tables(dynamodb, settings)
        bucket = Bucket(settings.bucket, aws.account if by_a_person else None)
        self.payloads = S3Payloads(bucket)
        self.task_logs = S3TaskLogs(bucket)
        self.dags = DynamoDags(tables, bucket)
        self.dag_runs = DynamoDagRuns(dynamodb, tables)
        self.task_instances = DynamoTaskInstances(tables)
        self.xcoms = DynamoXComs(tables, self.payloads)
        self.pools = DynamoPools(dynamodb, tables)
        self.lineage = DynamoLineage(tables)
        self.kept_answers = DynamoKeptAnswers(tables)
        self.variables = DynamoVariables(tables)
        self.users = DynamoUsers(dynamodb, tables)
        self.replays = DynamoReplays(tables)
        self.proof_key = S3ProofKey(bucket)
