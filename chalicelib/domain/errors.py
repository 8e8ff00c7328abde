"""Refusals and failures, each with a stable code; HTTP statuses only at the edge (``api``).

A refusal (``UpdraftError``) is final, and its text is fit for a client. A failure (``StoreUnavailable``)
passes by itself, and its text is for the log. ``docs/errors.md`` lists the codes of both.
"""

from typing import ClassVar

_LONGEST_EXCERPT = 1000


class UpdraftError(Exception):
    """Something was asked for that cannot be done; its text is fit for a client."""

    code: ClassVar[str] = "error"


class DatasetNotFound(UpdraftError):
    """No dataset of that URI is known."""

    code = "dataset_not_found"

    def __init__(self, uri: str) -> None:
        super().__init__(f"Dataset with uri: '{uri}' not found")


class DagNotFound(UpdraftError):
    """No DAG of that id is known."""

    code = "dag_not_found"

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"Dag id {dag_id} not found in DagModel")


class NoDagToDelete(DagNotFound):
    """The DAG that is to be deleted is not known: on this route Airflow has a text of its own."""

    def __init__(self, dag_id: str) -> None:
        UpdraftError.__init__(self, f"Dag id {dag_id} not found")


class TaskInstancesRunning(UpdraftError):
    """The DAG cannot be deleted while a task of it runs."""

    code = "task_instances_running"

    def __init__(self) -> None:
        super().__init__("TaskInstances still running")


class TaskNotFound(UpdraftError):
    """The DAG has no such task."""

    code = "task_not_found"

    def __init__(self, task_id: str, dag_id: str) -> None:
        super().__init__(f"Task {task_id} not found in dag {dag_id}")


class DagRunNotFound(UpdraftError):
    """The DAG has no run at that instant; ``date`` is the text shown."""

    code = "dag_run_not_found"

    def __init__(self, dag_id: str, date: str) -> None:
        super().__init__(f"Dag Run for date {date} not found in dag {dag_id}")


class TaskInstanceNotFound(UpdraftError):
    """The run has no such instance of that task of its DAG; ``name`` and ``date`` are the texts shown."""

    code = "task_instance_not_found"

    def __init__(self, name: str, date: str) -> None:
        super().__init__(f"Task {name} instance for date {date} not found")


class TaskLogNotFound(UpdraftError):
    """A try has left no log: it has not run, it has not ended, or its worker died."""

    code = "task_log_not_found"


class DagRunAlreadyExists(UpdraftError):
    """The instant or the run id is taken by another run of the DAG."""

    code = "dag_run_already_exists"

    def __init__(self, dag_id: str, date: str, run_id: str) -> None:
        super().__init__(f"A DAG Run already exists for DAG {dag_id} at {date} with run id {run_id}")


class PoolNotFound(UpdraftError):
    """No pool of that name is known."""

    code = "pool_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"Pool '{name}' doesn't exist")


class InvalidRequest(UpdraftError):
    """The caller has to change what it sent; the text says what."""

    code = "invalid_request"


class InvalidConf(InvalidRequest):
    """The DAG's params refuse the conf of a run."""


class IdempotencyKeyReused(UpdraftError):
    """The idempotency key stands for a request with another body."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("The Idempotency-Key was used with another body before; use a new key")


class StoreUnavailable(Exception):
    """The store refused for now (throttling, a conflicting transaction, no connection).

    Nothing is known to be lost: the same call may be made again. Queue handlers let it pass, so that
    the message comes again. No ``UpdraftError``: its text names tables and queues, and a client is told
    no more than that it may try again.
    """

    code: ClassVar[str] = "store_unavailable"


class StorageFull(StoreUnavailable):
    """The disk that a local server keeps its state on is full: nothing can be written for now."""

    code = "storage_full"


def excerpt(text: str) -> str:
    """A client's text as it is shown in a refusal: an answer must not outgrow Lambda's limit by it."""
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}..."
