"""Airflow's exceptions, as DAG files raise and catch them.

They belong to user code, so they are not ``UpdraftError``: what they say is shown in a task's log.
"""

from collections.abc import Sized
from datetime import datetime, timedelta
from typing import Any, NamedTuple


class AirflowException(Exception):
    """Base of what goes wrong in DAGs and tasks; a task that raises it is tried again if it may be."""


class AirflowBadRequest(AirflowException):
    """The application or server cannot handle the request."""


class AirflowNotFoundException(AirflowException):
    """What was asked for does not exist."""


class AirflowConfigException(AirflowException):
    """A configuration value is missing or cannot be used."""


class AirflowFailException(AirflowException):
    """Raised by a task to fail at once, whatever tries it has left."""


class AirflowSkipException(AirflowException):
    """Raised by a task to be skipped."""


class AirflowSensorTimeout(AirflowException):
    """A sensor outlived its ``timeout``; it fails at once, whatever tries it has left."""


class AirflowRescheduleException(AirflowException):
    """Raised by a task to be run again at ``reschedule_date``: the same try, without slots till then."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__()
        self.reschedule_date = reschedule_date


class SensorSleeps(BaseException):
    """Updraft's own: a sensor in mode ``poke`` ends its invocation until the next poke, and keeps its slots.

    No ``Exception``, so user code around the poking does not swallow it.
    """

    def __init__(self, until: datetime, pokes: int) -> None:
        super().__init__()
        self.until = until
        self.pokes = pokes


class TaskDeferred(BaseException):
    """Raised by a task to be deferred; no ``Exception``, so user code does not swallow it.

    Raises ``ValueError`` for a timeout that is no timedelta.
    """

    def __init__(
        self,
        *,
        trigger: Any,
        method_name: str | None,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        super().__init__()
        if timeout is not None and not isinstance(timeout, timedelta):
            raise ValueError("Timeout value must be a timedelta")
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout

    def serialize(self) -> tuple[str, tuple[()], dict[str, Any]]:
        """Its class and its arguments."""
        names = ("trigger", "method_name", "kwargs", "timeout")
        return type(self).__name__, (), {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"<TaskDeferred trigger={self.trigger} method={self.method_name}>"


class TaskDeferralError(AirflowException):
    """A deferral has failed: its trigger did, or its time is over."""


class AirflowTaskTimeout(BaseException):
    """A task outlived its ``execution_timeout``; no ``Exception``, so user code does not swallow it."""


class AirflowTaskTerminated(BaseException):
    """The process that runs the task was told to end (SIGTERM)."""


class AirflowDagCycleException(AirflowException):
    """A task depends on itself, directly or through others."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two files define DAGs of the same id."""


class AirflowTimetableInvalid(AirflowException):
    """A schedule that Updraft cannot plan runs from."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks (or groups) of a DAG have the same id."""


class FailStopDagInvalidTriggerRule(AirflowException):
    """A DAG with ``fail_stop`` has a task of another trigger rule than the usual one (or a teardown's)."""

    def __str__(self) -> str:
        return "A 'fail-stop' dag can only have all_success trigger rule"


class FailFastDagInvalidTriggerRule(FailStopDagInvalidTriggerRule):
    """Airflow 3's name of it."""

    def __str__(self) -> str:
        return "A 'fail_fast' dag can only have all_success trigger rule"


class TaskNotFound(AirflowNotFoundException):
    """The DAG has no such task."""


class XComNotFound(AirflowException):
    """A task refers to an XCom that was not pushed."""


class XComForMappingNotPushed(AirflowException):
    """Something is mapped over a task's output, and the task returned none."""

    def __init__(self) -> None:
        super().__init__("did not push XCom for task mapping")


class UnmappableXComTypePushed(AirflowException):
    """Something is mapped over a task's output, and the task returned neither a list nor a dict."""

    def __init__(self, value: object) -> None:
        super().__init__(f"unmappable return type {type(value).__qualname__!r}")


class UnmappableXComLengthPushed(AirflowException):
    """Something is mapped over a task's output, and that is longer than ``[core] max_map_length``."""

    def __init__(self, value: Sized, max_length: int) -> None:
        super().__init__(f"unmappable return value length: {len(value)} > {max_length}")
        self.value = value
        self.max_length = max_length


class MapIndexTooHigh(AirflowException, IndexError):
    """There are fewer items by now than when the task was expanded."""

    def __init__(self, map_index: int, length: int) -> None:
        super().__init__(
            f"there is nothing for map index {map_index}: what the task is mapped over has {length} items "
            "now. If the DAG file has changed since the run began, trigger another run"
        )


class UnmappableOperator(AirflowException):
    """An operator that cannot be mapped."""


class ParamValidationError(AirflowException):
    """A param has no value, or one that its schema forbids."""


# Those that Airflow's own servers raise: names for DAG files to import, catch and raise.


class AirflowClusterPolicyError(AirflowException):
    """A policy of the cluster failed."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A policy of the cluster wants a DAG to be left out."""


class AirflowClusterPolicyViolation(AirflowException):
    """A DAG or task violates a policy of the cluster."""


class AirflowDagInconsistent(AirflowException):
    """A DAG contradicts itself."""


class AirflowInternalRuntimeError(BaseException):
    """Airflow itself went wrong."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A provider package lacks a library for something that it can do beside its main work."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Something of a provider package will be gone."""

    deprecated_provider_since: str | None = None


class AirflowWebServerTimeout(AirflowException):
    """The webserver did not answer in time."""


class AirflowRuntimeError(Exception):
    """Something that a task asked for failed (Airflow 3's)."""


class BackfillUnfinished(AirflowException):
    """Not all tasks of a backfill succeeded."""

    def __init__(self, message: str, ti_status: object) -> None:
        super().__init__(message)
        self.ti_status = ti_status


class ConnectionNotUnique(AirflowException):
    """Several connections have the same id."""


class DagCodeNotFound(AirflowNotFoundException):
    """There is no text of the DAG."""


class DagConcurrencyLimitReached(AirflowException):
    """A DAG has as many tasks at work as it may have."""


class DagFileExists(AirflowBadRequest):
    """There is a DAG file of that name."""


class DagNotFound(AirflowNotFoundException):
    """There is no such DAG."""


class DagRunAlreadyExists(AirflowBadRequest):
    """There is a run of that id or date."""

    def __init__(self, dag_run: object, execution_date: datetime, run_id: str) -> None:
        dag_id = getattr(dag_run, "dag_id", "")
        super().__init__(
            f"A DAG Run already exists for DAG {dag_id} at {execution_date} with run id {run_id}"
        )
        self.dag_run = dag_run
        self.execution_date = execution_date
        self.run_id = run_id


class DagRunNotFound(AirflowNotFoundException):
    """There is no such run."""


class DeserializingResultError(ValueError):
    """The result of a function in another Python cannot be read."""


class FileSyntaxError(NamedTuple):
    """What is wrong in a file, and in which line."""

    line_no: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.message}. Line number: s{self.line_no}," if self.line_no else self.message


class AirflowFileParseException(AirflowException):
    """A file of connections or variables cannot be read."""

    def __init__(self, msg: str, file_path: str, parse_errors: list[FileSyntaxError]) -> None:
        super().__init__(msg)
        self.msg = msg
        self.file_path = file_path
        self.parse_errors = parse_errors

    def __str__(self) -> str:
        return "\n".join([f"{self.msg}\nFilename: {self.file_path}", *map(str, self.parse_errors)])


class InvalidStatsNameException(AirflowException):
    """A metric has a name that cannot be one."""


class NoAvailablePoolSlot(AirflowException):
    """A pool has no free slot."""


class PodMutationHookException(AirflowException):
    """The hook that changes pods failed."""


class PodReconciliationError(AirflowException):
    """A pod cannot be made of two descriptions."""


class PoolNotFound(AirflowNotFoundException):
    """There is no such pool."""


class RemovedInAirflow3Warning(DeprecationWarning):
    """Something of Airflow 2 is gone in Airflow 3."""

    deprecated_since: str | None = None


class RemovedInAirflow4Warning(DeprecationWarning):
    """Something of Airflow 3 will be gone in Airflow 4."""

    deprecated_since: str | None = None


class SerializationError(AirflowException):
    """A DAG cannot be made a document."""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task is put into a second group."""

    def __init__(self, task_id: str, existing_group_id: str | None, new_group_id: str) -> None:
        place = f"the group {existing_group_id!r}" if existing_group_id else "the DAG's root group"
        super().__init__(f"cannot add {task_id!r} to {new_group_id!r} (already in {place})")
        self.task_id = task_id
        self.existing_group_id = existing_group_id
        self.new_group_id = new_group_id


class TaskConcurrencyLimitReached(AirflowException):
    """A task has as many instances at work as it may have."""


class TaskInstanceNotFound(AirflowNotFoundException):
    """There is no such task instance."""


class UnknownExecutorException(ValueError):
    """There is no executor of that name."""


class NotOffered(AirflowException):
    """Airflow has it, Updraft does not; the text names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Updraft does not offer {what}")


_OUR_OWN = frozenset({SensorSleeps, NotOffered})

for _kind in tuple(vars().values()):
    if isinstance(_kind, type) and issubclass(_kind, BaseException) and _kind not in _OUR_OWN:
        _kind.__module__ = "airflow.exceptions"  # what callbacks and logs show of them, as in Airflow
