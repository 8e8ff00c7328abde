"""The store in memory: the twin of ``dynamodb`` for tests, the fault simulator and ``dags test``.

Dicts of the frozen domain objects behind one lock, so each method is as atomic as its one write is in
DynamoDB. Nothing outlives the process.
"""

from threading import RLock

from chalicelib.store.memory.connections import MemoryConnections
from chalicelib.store.memory.dag_runs import MemoryDagRuns
from chalicelib.store.memory.dags import MemoryDags
from chalicelib.store.memory.dataset_queues import MemoryDatasetQueues
from chalicelib.store.memory.datasets import MemoryDatasetEvents, MemoryDatasets
from chalicelib.store.memory.kept_answers import MemoryKeptAnswers
from chalicelib.store.memory.lineage import MemoryLineage
from chalicelib.store.memory.payloads import MemoryPayloads
from chalicelib.store.memory.pools import MemoryPools
from chalicelib.store.memory.task_instances import MemoryTaskInstances
from chalicelib.store.memory.task_logs import MemoryTaskLogs
from chalicelib.store.memory.users import MemoryProofKey, MemoryReplays, MemoryUsers
from chalicelib.store.memory.variables import MemoryVariables
from chalicelib.store.memory.xcoms import MemoryXComs


class MemoryStore:
    """Implements ``engine.ports.store.Store``; safe to share among threads."""

    def __init__(self) -> None:
        lock = RLock()
        self.dags = MemoryDags(lock)
        self.kept_answers = MemoryKeptAnswers(lock)
        self.dag_runs = MemoryDagRuns(lock, self.dags, self.kept_answers)
        self.datasets = MemoryDatasets(lock)
        self.dataset_events = MemoryDatasetEvents(lock)
        self.dataset_queues = MemoryDatasetQueues(lock, self.dags, self.dag_runs)
        self.task_instances = MemoryTaskInstances(lock)
        self.xcoms = MemoryXComs(lock)
        self.pools = MemoryPools(lock, self.kept_answers)
        self.lineage = MemoryLineage(lock)
        self.payloads = MemoryPayloads(lock)
        self.task_logs = MemoryTaskLogs(lock)
        self.variables = MemoryVariables(lock)
        self.connections = MemoryConnections(lock)
        self.users = MemoryUsers(lock)
        self.replays = MemoryReplays(lock)
        self.proof_key = MemoryProofKey()
