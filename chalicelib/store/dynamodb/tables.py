"""The tables of a stage, bound to their names."""

from chalicelib.settings import Settings
from chalicelib.store.dynamodb import models
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.table import Table


class Tables:
    """Every table that the engine's ports need."""

    def __init__(self, dynamodb: DynamoDB, settings: Settings) -> None:
        name = settings.resource
        self.dags = Table(dynamodb, models.DagItem, name("dags"))
        self.dag_versions = Table(dynamodb, models.DagVersionItem, name("dag_versions"))
        self.import_errors = Table(dynamodb, models.ImportErrorItem, name("import_errors"))
        self.dag_runs = Table(dynamodb, models.DagRunItem, name("dag_runs"))
        self.dag_run_ids = Table(dynamodb, models.DagRunIdItem, name("dag_run_ids"))
        self.unfinished_runs = Table(dynamodb, models.UnfinishedRunItem, name("unfinished_runs"))
        self.task_instances = Table(dynamodb, models.TaskInstanceItem, name("task_instances"))
        self.xcoms = Table(dynamodb, models.XComItem, name("xcoms"))
        self.pools = Table(dynamodb, models.PoolShardItem, name("pools"))
        self.pool_waiters = Table(dynamodb, models.PoolWaiterItem, name("pool_waiters"))
        self.datasets = Table(dynamodb, models.DatasetItem, name("datasets"))
        self.dataset_events = Table(dynamodb, models.DatasetEventItem, name("dataset_events"))
        self.dataset_queues = Table(dynamodb, models.DatasetQueueItem, name("dataset_queues"))
        self.dataset_arrivals = Table(dynamodb, models.DatasetArrivalItem, name("dataset_arrivals"))
        self.kept_answers = Table(dynamodb, models.KeptAnswerItem, name("kept_answers"))
        self.variables = Table(dynamodb, models.VariableItem, name("variables"))
        self.connections = Table(dynamodb, models.ConnectionItem, name("connections"))
        self.users = Table(dynamodb, models.UserItem, name("users"))
        self.logins = Table(dynamodb, models.LoginItem, name("logins"))
        self.kerberos_replays = Table(dynamodb, models.KerberosReplayItem, name("kerberos_replays"))
        self.lineage = Table(dynamodb, models.LineageItem, name("lineage"))
